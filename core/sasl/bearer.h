// The client's message of OAUTHBEARER (RFC 7628 §3.1), taken apart. Pure and strict.
//
//   client-resp = gs2-header kvsep *(key "=" value kvsep) kvsep      kvsep = %x01
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::sasl {

struct BearerResponse {
  std::string authzid;  // decoded; "": as the token says
  std::string token;    // b64token (RFC 6750 §2.1)
};
std::optional<BearerResponse> parse_bearer_response(std::string_view message);

// What the server says of a token that it does not take (RFC 7628 §3.2.2).
std::string bearer_failure();

}  // namespace essaim::sasl
