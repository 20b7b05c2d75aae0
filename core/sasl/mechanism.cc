#include "core/sasl/mechanism.h"

#include "core/base/text.h"

namespace essaim::sasl {

const std::vector<Mechanism>& all_mechanisms() {
  static const std::vector<Mechanism> all = {Mechanism::kScramSha256Plus, Mechanism::kScramSha256,
                                             Mechanism::kExternal,        Mechanism::kOauthBearer,
                                             Mechanism::kPlain,           Mechanism::kLogin};
  return all;
}

const char* to_string(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kPlain:
      return "PLAIN";
    case Mechanism::kLogin:
      return "LOGIN";
    case Mechanism::kScramSha256:
      return "SCRAM-SHA-256";
    case Mechanism::kScramSha256Plus:
      return "SCRAM-SHA-256-PLUS";
    case Mechanism::kExternal:
      return "EXTERNAL";
    case Mechanism::kOauthBearer:
      return "OAUTHBEARER";
  }
  return "";
}

std::optional<Mechanism> parse_mechanism(std::string_view name) {
  for (const Mechanism mechanism : all_mechanisms())
    if (equals_ignoring_case(name, to_string(mechanism))) return mechanism;
  return std::nullopt;
}

}  // namespace essaim::sasl
