// The field Authentication-Results (RFC 8601) and the payload of ARC-Authentication-Results (RFC 8617 §4.1.1).
//
//   [CFWS] authserv-id [ CFWS version ] ( [CFWS] ";" [CFWS] "none" /
//       1*( [CFWS] ";" [CFWS] method [ "/" version ] "=" result [ "reason=" value ] *( ptype "." property "=" pvalue ) ) )
//
// Reading is bounded and gives kInvalid for what is none. Written values are made harmless: what is no token is quoted,
// what is not printable ASCII becomes "?". Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace essaim::mailauth {

struct MethodResult {
  std::string method;                                             // "dkim"
  std::string result;                                             // "pass"
  std::string reason;                                             // "" for none
  std::vector<std::pair<std::string, std::string>> properties{};  // "header.d", value
  friend bool operator==(const MethodResult&, const MethodResult&) = default;
};

struct AuthenticationResults {
  std::string authserv_id;
  std::vector<MethodResult> results;
};

// "id; dkim=pass header.d=...;\r\n\tspf=..." without the name of the field and its last line end.
std::string format_results(const AuthenticationResults& results);
// `value`: of the field, with its folding; comments are left out.
Result<AuthenticationResults> parse_results(std::string_view value);

// Whether the field claims to be of `authserv_id`: those that come from outside are removed (§5). What cannot be read
// so far is judged by how it begins.
bool claims_to_be_of(std::string_view value, std::string_view authserv_id);

}  // namespace essaim::mailauth
