// Says who somebody is: accounts of the database, of a directory (LDAP), by a token or by a certificate. Passwords are verified on
// threads of its own, one after the other, and a failure is in the database before it is told: so no more than these threads can guess
// beyond the limits. Refusals are all the same, and take as long, whether there is such an account or not. A directory is asked on as
// many threads of its own, with a queue of its own: one that does not answer keeps nobody else out.
//
// Log: login (who, how), login-failed (and why), login-trouble. Thread-safe; outlives the sessions. What it is given outlives it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/http/http_client.h"
#include "smtpd/accounts/introspection.h"
#include "smtpd/accounts/json_web_token.h"
#include "smtpd/accounts/key_cache.h"
#include "smtpd/accounts/ldap_source.h"
#include "smtpd/accounts/login_limits.h"
#include "smtpd/accounts/verified_passwords.h"
#include "smtpd/session/authenticator.h"
#include "smtpd/session/settings.h"
#include "storage/database.h"

namespace essaim::smtpd {

struct AccountOptions {
  LoginLimits limits;
  LdapOptions ldap;
  // Tokens are judged here by the keys at `jwks_url`, else by who is asked; with neither they are not taken.
  IntrospectionOptions tokens;
  std::string jwks_url;  // its ca_file and timeout are those of `tokens`
  TokenRules token_rules;
  Duration remember = std::chrono::minutes(5);  // passwords that were right; zero: not at all
  int threads = 2;                              // fixed at the start
  // Who asked longer ago has given up, and no step is begun any more.
  Duration answer_deadline = SessionLimits().answer_deadline;
};

class AccountService final : public Authenticator {
 public:
  // `secret` makes verifiers for those who are not there; load_login_secret() gives it.
  AccountService(storage::Database& database, const Clock& clock, std::string secret, AccountOptions options);
  ~AccountService() override;

  void ask(LoginQuestion question, std::function<void(LoginAnswer)> done) override;
  // From the next question on.
  void set_options(AccountOptions options);
  // What waits is answered with trouble, a step under way is waited for; idempotent. Requests for tokens that are under way end when
  // this is destroyed.
  void stop();

 private:
  class Try;
  struct Threads;
  std::shared_ptr<const AccountOptions> options() const;
  std::shared_ptr<KeyCache> make_keys(const AccountOptions& options);
  void ask_about_token(std::shared_ptr<Try> one);
  void ask_for_keys(std::shared_ptr<Try> one);

  mutable std::mutex mutex_;
  std::shared_ptr<const AccountOptions> options_;
  std::shared_ptr<KeyCache> keys_;  // null without jwks_url
  const std::shared_ptr<VerifiedPasswords> verified_;
  storage::Database& database_;
  const Clock& clock_;
  const std::string secret_;
  const std::shared_ptr<Threads> threads_;
  // Its own: in a line with the policies of MTA-STS logins would wait for servers of strangers. It ends first.
  http::HttpClient http_;
};

// The same on all nodes; made by the first. Blocking.
Result<std::string> load_login_secret(storage::Database& database);

}  // namespace essaim::smtpd
