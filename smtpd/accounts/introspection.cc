#include "smtpd/accounts/introspection.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::smtpd {
namespace {

std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';
    if (plain)
      out += c;
    else
      out += "%" + hex_encoded({&c, 1});
  }
  return out;
}

std::string text_of(const nlohmann::json& object, const std::string& member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

http::Request introspection_request(const IntrospectionOptions& options, const std::string& token) {
  http::Request request;
  request.url = options.url;
  request.post = true;
  request.body = "token=" + form_encoded(token) + "&token_type_hint=access_token";
  request.content_type = "application/x-www-form-urlencoded";
  request.user = options.client_id;
  request.password = options.client_secret;
  request.ca_file = options.ca_file;
  request.timeout = options.timeout;
  return request;
}

Result<Introspected> read_introspection(const IntrospectionOptions& options, const http::Response& response,
                                        WallTime now) {
  if (response.status != 200)
    return Error{ErrorCode::kTemporary, options.url + " answers " + std::to_string(response.status)};
  const auto answer = nlohmann::json::parse(response.body, nullptr, false);
  const auto active = answer.is_object() ? answer.find("active") : answer.end();
  if (!answer.is_object() || active == answer.end() || !active->is_boolean())
    return Error{ErrorCode::kTemporary, options.url + " answers with no introspection"};
  if (!active->get<bool>()) return Introspected{};
  const auto expires = answer.find("exp");
  if (expires != answer.end() && expires->is_number_integer() &&
      expires->get<std::int64_t>() <= to_millis(now) / 1000)
    return Introspected{};
  if (!options.scope.empty()) {
    const std::string scopes = text_of(answer, "scope");
    const auto all = split(scopes, ' ');
    if (std::find(all.begin(), all.end(), options.scope) == all.end()) return Introspected{};
  }
  const std::string name = text_of(answer, options.claim);
  return Introspected{!name.empty(), name};
}

}  // namespace essaim::smtpd
