#include "core/sasl/bearer.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/sasl/scram_messages.h"

namespace essaim::sasl {
namespace {

constexpr char kSeparator = '\x01';
constexpr std::string_view kScheme = "Bearer ";

bool is_token(std::string_view text) {
  const std::size_t end = text.find_last_not_of('=');
  if (text.empty() || end == text.npos) return false;
  text = text.substr(0, end + 1);
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<BearerResponse> parse_bearer_response(std::string_view message) {
  BearerResponse out;
  const auto parts = split(message, kSeparator);
  // The header, pairs, and nothing behind the two separators at the end.
  if (parts.size() < 3 || !parts[parts.size() - 1].empty() || !parts[parts.size() - 2].empty())
    return std::nullopt;
  const auto header = split(parts.front(), ',');
  // No channel is bound ("y" is as good as "n" here).
  if (header.size() != 3 || (header[0] != "n" && header[0] != "y") || !header[2].empty()) return std::nullopt;
  if (!header[1].empty()) {
    if (!header[1].starts_with("a=")) return std::nullopt;
    auto name = decoded_saslname(header[1].substr(2));
    if (!name) return std::nullopt;
    out.authzid = *std::move(name);
  }
  for (std::size_t i = 1; i + 2 < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    if (parts[i].substr(0, equals) != "auth") continue;
    const std::string_view value = parts[i].substr(equals + 1);
    if (!out.token.empty() || !starts_with_ignoring_case(value, kScheme)) return std::nullopt;
    const std::string_view token = trimmed(value.substr(kScheme.size()));
    if (!is_token(token)) return std::nullopt;
    out.token = token;
  }
  if (out.token.empty()) return std::nullopt;
  return out;
}

std::string bearer_failure() {
  return R"({"status":"invalid_token"})";
}

}  // namespace essaim::sasl
