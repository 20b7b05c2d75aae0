// The SASL mechanisms that we speak, by their registered names. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace essaim::sasl {

enum class Mechanism {
  kPlain,            // RFC 4616
  kLogin,            // draft-murchison-sasl-login: obsolete, and all that some programs know
  kScramSha256,      // RFC 7677
  kScramSha256Plus,  // with the channel bound in
  kExternal,         // RFC 4422 App. A: the certificate of the client
  kOauthBearer,      // RFC 7628
};

const std::vector<Mechanism>& all_mechanisms();  // the strongest first
const char* to_string(Mechanism mechanism);
std::optional<Mechanism> parse_mechanism(std::string_view name);  // ignoring case

}  // namespace essaim::sasl
