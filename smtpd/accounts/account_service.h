// Says who somebody is: accounts of the database, of a directory (LDAP), by a token or by a certificate. Passwords are verified on
// threads of its own, one after the other, and a failure is in the database before it is told: so no more than these threads can guess
// beyond the limits. Refusals are all the same, and take as long, whether there is such an account or not.
//
// Log: login (who, how), login-failed (and why), login-trouble. Thread-safe; outlives the sessions. What it is given outlives it.
#pragma once

#include <memory>
#include <string>

#include "core/base/executor.h"
#include "core/http/http_client.h"
#include "smtpd/accounts/introspection.h"
#include "smtpd/accounts/ldap_source.h"
#include "smtpd/accounts/login_limits.h"
#include "smtpd/session/authenticator.h"
#include "storage/database.h"

namespace essaim::smtpd {

struct AccountOptions {
  LoginLimits limits;
  LdapOptions ldap;
  IntrospectionOptions tokens;
  int threads = 2;
};

class AccountService final : public Authenticator {
 public:
  // `secret` makes verifiers for those who are not there; load_login_secret() gives it.
  AccountService(storage::Database& database, const Clock& clock, http::HttpClient& http, std::string secret,
                 AccountOptions options);
  ~AccountService() override;

  void ask(LoginQuestion question, std::function<void(LoginAnswer)> done) override;
  // What waits is answered with trouble; idempotent. Requests for tokens that are under way end with the client's end.
  void stop();

 private:
  class Try;
  const std::shared_ptr<const AccountOptions> options_;
  storage::Database& database_;
  const Clock& clock_;
  http::HttpClient& http_;
  const std::string secret_;
  const std::shared_ptr<Executor> threads_;
};

// The same on all nodes; made by the first. Blocking.
Result<std::string> load_login_secret(storage::Database& database);

}  // namespace essaim::smtpd
