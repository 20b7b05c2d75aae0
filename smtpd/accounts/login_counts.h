// How often somebody logged in, or did not: counted by mechanism, by what judged it, and by what was answered. For /metrics. Of the
// process, since its start.
//
// Thread-safe; a login takes much longer than its count. Values are few: those that can be are in a table.
#pragma once

#include <cstdint>
#include <vector>

#include "core/sasl/mechanism.h"

namespace essaim::smtpd {

enum class LoginSource {
  kDatabase,       // a password's hash or verifier
  kMemory,         // a password that was right a moment ago (verified_passwords.h)
  kDirectory,      // LDAP
  kCertificate,    // of the client
  kIntrospection,  // the authorization server was asked what the token stands for
  kKeys,           // the token was judged by the keys of the authorization server
};
const char* to_string(LoginSource source);

enum class LoginOutcome {
  kAccepted,   // 235
  kRefused,    // 535
  kThrottled,  // 454: too many failures
  kDeferred,   // 454: what judges does not answer, or too many wait
};
const char* to_string(LoginOutcome outcome);

void count_login(sasl::Mechanism mechanism, LoginSource source, LoginOutcome outcome);

struct LoginCount {
  sasl::Mechanism mechanism;
  LoginSource source;
  LoginOutcome outcome;
  std::uint64_t logins = 0;
};
// Of all mechanisms and what may judge them, also those that were not asked yet.
std::vector<LoginCount> login_counts();

}  // namespace essaim::smtpd
