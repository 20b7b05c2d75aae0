// Whom an access token stands for, as it says itself under the signature of its authorization server: a JSON Web Token (RFC 7519) in
// the compact form of RFC 7515 §7.1. Pure.
//
//   token = base64url(header) "." base64url(claims) "." base64url(signature)
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "smtpd/accounts/json_web_keys.h"

namespace essaim::smtpd {

struct TokenRules {
  std::string issuer;    // must be "iss"
  std::string audience;  // must be "aud", or among it
  std::string claim;     // names the account
  std::string scope;     // must be among "scope"; "": any
};

// Clocks of other machines may be wrong by so much.
inline constexpr Duration kClockSkew = std::chrono::seconds(60);

struct TokenHeader {
  std::string algorithm;
  std::string key_id;  // "" for none
};
// Nothing for what is no token, or has in its header what must be understood and is not (RFC 7515 §4.1.11).
std::optional<TokenHeader> read_token_header(std::string_view token);

struct TokenVerdict {
  std::string name;      // of the account; "": the token is not good
  std::string why;       // then, for the log
  bool expired = false;  // it was good, and its time is over: nobody has guessed it
};
TokenVerdict judge_token(std::string_view token, const JsonWebKeys& keys, const TokenRules& rules,
                         WallTime now);

}  // namespace essaim::smtpd
