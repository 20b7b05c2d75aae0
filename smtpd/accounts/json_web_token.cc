#include "smtpd/accounts/json_web_token.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/base/base64url.h"
#include "core/base/text.h"

namespace essaim::smtpd {
namespace {

using nlohmann::json;

struct Parts {
  std::string_view signed_text;  // header and claims, as they stand there
  std::string header, claims, signature;
};

std::optional<Parts> parts_of(std::string_view token) {
  const auto all = split(token, '.');
  if (all.size() != 3) return std::nullopt;
  auto header = base64url_decoded(all[0]), claims = base64url_decoded(all[1]),
       signature = base64url_decoded(all[2]);
  if (!header || !claims || !signature) return std::nullopt;
  return Parts{token.substr(0, all[0].size() + 1 + all[1].size()), *std::move(header), *std::move(claims),
               *std::move(signature)};
}

std::string text_of(const json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Seconds since 1970, perhaps with a fraction (RFC 7519 §2); NaN for what is none.
double time_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
}

// RFC 7519 §4.1.3
bool is_for(const json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return found->get<std::string>() == audience;
  return found->is_array() && std::any_of(found->begin(), found->end(), [&](const json& one) {
           return one.is_string() && one.get<std::string>() == audience;
         });
}

TokenVerdict bad(const char* why) {
  return {"", why, false};
}

}  // namespace

std::optional<TokenHeader> read_token_header(std::string_view token) {
  const auto parts = parts_of(token);
  if (!parts) return std::nullopt;
  const json header = json::parse(parts->header, nullptr, false);
  if (!header.is_object() || header.contains("crit")) return std::nullopt;
  TokenHeader out{text_of(header, "alg"), text_of(header, "kid")};
  if (out.algorithm.empty()) return std::nullopt;
  return out;
}

TokenVerdict judge_token(std::string_view token, const JsonWebKeys& keys, const TokenRules& rules,
                         WallTime now) {
  const auto header = read_token_header(token);
  const auto parts = parts_of(token);
  if (!header || !parts) return bad("it is no token");
  if (!keys.has(header->algorithm, header->key_id)) return bad("no key of the server is for it");
  if (!keys.verify(header->algorithm, header->key_id, parts->signed_text, parts->signature))
    return bad("its signature is not good");
  // Only what is signed is looked at.
  const json claims = json::parse(parts->claims, nullptr, false);
  if (!claims.is_object()) return bad("it has no claims");
  if (text_of(claims, "iss") != rules.issuer) return bad("it is of another issuer");
  if (!is_for(claims, rules.audience)) return bad("it is for another audience");
  const double second = static_cast<double>(to_millis(now)) / 1000;
  const double skew = std::chrono::duration<double>(kClockSkew).count();
  const double expires = time_of(claims, "exp");
  if (std::isnan(expires)) return bad("it does not say until when it is good");
  if (claims.contains("nbf") && !(second >= time_of(claims, "nbf") - skew))
    return bad("its time has not begun");
  if (!rules.scope.empty()) {
    const std::string scopes = text_of(claims, "scope");
    const auto all = split(scopes, ' ');
    if (std::find(all.begin(), all.end(), rules.scope) == all.end())
      return bad("it is not good for this scope");
  }
  TokenVerdict out;
  out.name = text_of(claims, rules.claim);
  if (out.name.empty()) return bad("it names no account");
  if (!(second < expires + skew)) return {"", "its time is over", true};
  return out;
}

}  // namespace essaim::smtpd
