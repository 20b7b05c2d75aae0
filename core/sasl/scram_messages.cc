#include "core/sasl/scram_messages.h"

#include <algorithm>
#include <vector>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::sasl {
namespace {

constexpr std::size_t kProofOctets = 32;

// printable = %x21-2B / %x2D-7E
bool is_nonce(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7E && c != ','; });
}

// attr-val: a letter, "=", and octets without NUL and ",".
bool is_extension(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return text.size() >= 3 && is_letter(text[0]) && text[1] == '=' && text.find('\0') == text.npos;
}

bool is_binding_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

// "r=abc" with 'r' gives "abc".
std::optional<std::string_view> value_of(std::string_view attribute, char letter) {
  if (attribute.size() < 2 || attribute[0] != letter || attribute[1] != '=') return std::nullopt;
  return attribute.substr(2);
}

bool are_extensions(const std::vector<std::string_view>& parts, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i)
    if (!is_extension(parts[i])) return false;
  return true;
}

}  // namespace

std::optional<std::string> decoded_saslname(std::string_view text) {
  if (text.empty() || !is_valid_utf8(text) || text.find('\0') != text.npos) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') return std::nullopt;
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    out += code == "2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

std::optional<ClientFirst> parse_client_first(std::string_view message) {
  ClientFirst out;
  const std::size_t first = message.find(',');
  if (first == message.npos) return std::nullopt;
  const std::size_t second = message.find(',', first + 1);
  if (second == message.npos) return std::nullopt;
  const std::string_view flag = message.substr(0, first);
  if (flag == "y") {
    out.binding = ClientFirst::Binding::kNotOffered;
  } else if (const auto name = value_of(flag, 'p')) {
    if (!is_binding_name(*name)) return std::nullopt;
    out.binding = ClientFirst::Binding::kUsed;
    out.binding_name = *name;
  } else if (flag != "n") {
    return std::nullopt;
  }
  if (const std::string_view authzid = message.substr(first + 1, second - first - 1); !authzid.empty()) {
    const auto value = value_of(authzid, 'a');
    auto decoded = value ? decoded_saslname(*value) : std::nullopt;
    if (!decoded) return std::nullopt;
    out.authzid = *std::move(decoded);
  }
  out.gs2_header = message.substr(0, second + 1);
  out.bare = message.substr(second + 1);
  // "m=", an extension that must be understood (RFC 5802 §5.1): we know none, and what begins with it is no name.
  const auto parts = split(out.bare, ',');
  if (parts.size() < 2) return std::nullopt;
  const auto name = value_of(parts[0], 'n');
  const auto nonce = value_of(parts[1], 'r');
  if (!name || !nonce || !is_nonce(*nonce) || !are_extensions(parts, 2, parts.size())) return std::nullopt;
  auto decoded = decoded_saslname(*name);
  if (!decoded) return std::nullopt;
  out.name = *std::move(decoded);
  out.nonce = *nonce;
  return out;
}

std::optional<ClientFinal> parse_client_final(std::string_view message) {
  ClientFinal out;
  const auto parts = split(message, ',');
  if (parts.size() < 3) return std::nullopt;
  const auto channel = value_of(parts.front(), 'c');
  const auto nonce = value_of(parts[1], 'r');
  const auto proof = value_of(parts.back(), 'p');
  if (!channel || !nonce || !proof || !is_nonce(*nonce) || !are_extensions(parts, 2, parts.size() - 1))
    return std::nullopt;
  auto channel_octets = base64_decoded(*channel);
  auto proof_octets = base64_decoded(*proof);
  if (!channel_octets || !proof_octets || proof_octets->size() != kProofOctets) return std::nullopt;
  out.channel = *std::move(channel_octets);
  out.nonce = *nonce;
  out.proof = *std::move(proof_octets);
  out.without_proof = message.substr(0, message.size() - parts.back().size() - 1);
  return out;
}

}  // namespace essaim::sasl
