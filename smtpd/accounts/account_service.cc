#include "smtpd/accounts/account_service.h"

#include <algorithm>
#include <atomic>

#include <openssl/crypto.h>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/sasl/password_hash.h"
#include "core/sasl/prepare.h"
#include "smtpd/accounts/login_counts.h"
#include "storage/account_store.h"
#include "storage/directory_store.h"

namespace essaim::smtpd {
namespace {

using sasl::Question;
using storage::AccountRecord;
using storage::AccountStore;
using storage::LoginFailureStore;

constexpr const char* kSecretName = "login-secret";
constexpr std::size_t kSecretLength = 32;
constexpr std::size_t kMostWaiting = 200;
// For a directory: the last one is asked about in time even if it answers nobody.
constexpr std::size_t kMostWaitingForDirectory = 50;
// Tokens and certificates name their account only when they are good: failures are counted under names that no account can
// have.
constexpr const char* kTokens = "(tokens) ";
constexpr const char* kCertificates = "(certificates) ";

LoginAnswer trouble(std::string words) {
  return {nullptr, std::nullopt, smtp::reply(454, "4.7.0", std::move(words))};
}

LoginAnswer temporary() {
  return trouble("Temporary authentication failure, try again");
}

}  // namespace

struct AccountService::Threads {
  explicit Threads(int each) : own("accounts", each), directory("directory", each) {}
  void stop() {
    stopping = true;
    own.stop();
    directory.stop();
  }

  std::atomic<bool> stopping = false;
  Executor own, directory;
};

// One question on its way; on a thread of the service from run() on.
class AccountService::Try : public std::enable_shared_from_this<Try> {
 public:
  Try(AccountService& service, LoginQuestion question, std::function<void(LoginAnswer)> done)
      : options_(service.options()),
        verified_(service.verified_),
        database_(service.database_),
        clock_(service.clock_),
        secret_(service.secret_),
        threads_(service.threads_),
        asked_at_(clock_.mono_now()),
        question_(std::move(question)),
        done_(std::move(done)),
        network_(network_of(question_.client_ip)),
        source_(source_of(question_.asked.kind)) {}

  const LoginQuestion& question() const { return question_; }
  void give_up() {
    note(LoginOutcome::kDeferred);
    finish(temporary());
  }

  // Takes the step on one of these threads, or gives up.
  void go_on(Executor& threads, std::function<void(Try&)> step) {
    auto task = [self = shared_from_this(), step = std::move(step)] {
      self->is_in_vain() ? self->give_up() : step(*self);
    };
    if (!threads.submit(std::move(task))) give_up();
  }

  void run() {
    switch (question_.asked.kind) {
      case Question::Kind::kPassword:
        return check_password();
      case Question::Kind::kVerifier:
        return give_verifier();
      case Question::Kind::kProof:
        return check_proof();
      case Question::Kind::kCertificate:
        return check_certificate();
      case Question::Kind::kToken:
        return give_up();  // never: ask_about_token() does
    }
  }

  // Before anybody is asked about it. False: answered.
  bool may_ask_about_token() {
    name_ = kTokens;
    return may_go_on();
  }

  // What the authorization server said.
  void run_with(const Result<http::Response>& response) {
    auto said = response.ok() ? read_introspection(options_->tokens, *response, clock_.wall_now())
                              : Result<Introspected>(response.error());
    if (!said.ok()) return in_trouble(said.error().message);
    stands_for(said->active ? said->name : "", "the token is not good");
  }

  // By the keys of the authorization server: that it will be, and with those that there are.
  void judge_by_keys() { source_ = LoginSource::kKeys; }
  void run_with_keys(const Result<KeyCache::Keys>& keys) {
    if (!keys.ok()) return in_trouble(keys.error().message);
    TokenVerdict verdict = {"", "it is no token", false};
    if (*keys != nullptr)
      verdict = judge_token(question_.asked.secret, **keys, options_->token_rules, clock_.wall_now());
    const std::string why_not = "the token is not good: " + verdict.why;
    // What its server has signed was not guessed, and a program that sends it once more must not bar the people beside it.
    if (verdict.expired) return tell_refused(why_not);
    stands_for(verdict.name, why_not);
  }

 private:
  bool is_in_vain() const {
    return threads_->stopping || clock_.mono_now() - asked_at_ > options_->answer_deadline;
  }

  static LoginSource source_of(Question::Kind kind) {
    if (kind == Question::Kind::kCertificate) return LoginSource::kCertificate;
    return kind == Question::Kind::kToken ? LoginSource::kIntrospection : LoginSource::kDatabase;
  }

  void stands_for(const std::string& name, const std::string& why_not) {
    const auto named = sasl::prepared_name(name);
    if (name.empty() || !named) return refuse(why_not);
    auto found = find(*named);
    if (!found.ok()) return in_trouble(found.error().message);
    account_ = *std::move(found);
    const auto authzid = sasl::prepared_name(question_.asked.authzid);
    if (account_) name_ = account_->name;  // from here on it is theirs
    if (!account_ || account_->disabled) return refuse("no account for " + *named);
    if (!question_.asked.authzid.empty() && authzid != account_->name) return refuse("another identity");
    accept();
  }

  // The account that is asked about and how often it failed. False: answered.
  bool look_up() {
    const auto name = sasl::prepared_name(question_.asked.authcid);
    // Counted all the same.
    name_ = name.value_or("(impossible) ");
    if (!may_go_on()) return false;
    if (!name) return true;
    auto found = find(*name);
    if (!found.ok()) {
      in_trouble(found.error().message);
      return false;
    }
    account_ = *std::move(found);
    return true;
  }

  bool may_go_on() {
    const auto counts = database_.short_read_now([&](storage::Connection& connection) {
      return LoginFailureStore(connection).counts(name_, network_, clock_.wall_now());
    });
    if (!counts.ok()) {
      in_trouble(counts.error().message);
      return false;
    }
    const bool of_token = question_.asked.kind == Question::Kind::kToken;
    failed_before_ = !of_token && counts->pair > 0;
    if ((of_token ? may_try_token : may_try)(options_->limits, *counts)) return true;
    note(LoginOutcome::kThrottled);
    tell("login-throttled", "too many failures from this network");
    finish(trouble("Too many failed logins from your network, try again in some minutes"));
    return false;
  }

  Result<std::optional<AccountRecord>> find(const std::string& name) {
    return database_.short_read_now(
        [&](storage::Connection& connection) { return AccountStore(connection).find(name); });
  }

  // RFC 4422 §3.4.1: nobody acts for another.
  bool is_for_itself() const {
    return question_.asked.authzid.empty() ||
           (account_ && sasl::prepared_name(question_.asked.authzid) == account_->name);
  }

  void check_password() {
    auto password = sasl::prepared(question_.asked.secret);
    OPENSSL_cleanse(question_.asked.secret.data(), question_.asked.secret.size());
    if (!look_up()) return;
    if (!password) {
      sasl::waste_time("x");
      return refuse("the password cannot be one");
    }
    if (is_of_directory()) {
      question_.asked.secret = *std::move(password);
      source_ = LoginSource::kDirectory;
      if (threads_->directory.queued() >= kMostWaitingForDirectory) return give_up();
      return go_on(threads_->directory, &Try::ask_directory);
    }
    bool good = false;
    if (account_ && !account_->password.empty())
      good = matches(*password);
    else
      sasl::waste_time(*password);
    OPENSSL_cleanse(password->data(), password->size());
    conclude(good, "wrong password");
  }

  bool matches(const std::string& password) {
    const MonoTime now = clock_.mono_now();
    if (verified_->knows(account_->name, account_->password, password, now)) {
      source_ = LoginSource::kMemory;
      return true;
    }
    if (!sasl::password_matches(password, account_->password)) return false;
    verified_->add(account_->name, account_->password, password, now);
    return true;
  }

  bool is_of_directory() const {
    return !options_->ldap.url.empty() && (!account_ || account_->password.empty());
  }

  void ask_directory() {
    // Anew: others may have failed while it waited, and the account may have changed.
    if (!look_up()) return;
    if (!is_of_directory()) return give_up();
    const auto name = sasl::prepared_name(question_.asked.authcid);
    if (!name) return refuse("no name of an account");
    LdapAnswer answer = ldap_login(options_->ldap, *name, question_.asked.secret);
    OPENSSL_cleanse(question_.asked.secret.data(), question_.asked.secret.size());
    if (answer.kind == LdapAnswer::Kind::kTrouble) return in_trouble("LDAP: " + answer.problem);
    if (answer.kind == LdapAnswer::Kind::kBad) return refuse("the directory refuses");
    if (!account_) {
      account_.emplace();
      account_->name = *name;
      account_->may_relay = options_->ldap.may_relay;
    }
    for (std::string& address : answer.addresses) account_->addresses.push_back(std::move(address));
    conclude(true, "");
  }

  void give_verifier() {
    if (!look_up()) return;
    std::optional<sasl::ScramVerifier> verifier;
    if (account_) verifier = sasl::parse_scram_verifier(account_->scram);
    if (!verifier) verifier = sasl::fake_scram_verifier(secret_, name_);
    finish({nullptr, std::move(verifier), std::nullopt});
  }

  void check_proof() {
    if (!look_up()) return;
    // The client takes its time between the verifier and the proof: by now the account may have another password.
    const auto verifier = account_ ? sasl::parse_scram_verifier(account_->scram) : std::nullopt;
    const bool is_of_today = verifier && sasl::format_scram_verifier(*verifier) == question_.asked.secret;
    conclude(question_.asked.proven && is_of_today, "wrong password");
  }

  // The account of the first address of the certificate that is the name of one; or the one that is asked for, if it
  // has such a name or such an address. Whoever may send as all of a domain ("*@") is not everybody of it.
  void check_certificate() {
    name_ = kCertificates;
    const auto& emails = question_.certificate_emails;
    const std::string& wanted = question_.asked.authzid;
    const std::vector<std::string> names = wanted.empty() ? emails : std::vector<std::string>{wanted};
    for (const std::string& one : names) {
      const auto name = sasl::prepared_name(one);
      if (!name) continue;
      auto found = find(*name);
      if (!found.ok()) return in_trouble(found.error().message);
      if (!found->has_value()) continue;
      name_ = *name;
      account_ = *std::move(found);
      const sasl::Login login = login_of(*account_);
      const bool is_theirs = std::any_of(emails.begin(), emails.end(), [&](const std::string& email) {
        if (sasl::prepared_name(email) == account_->name) return true;
        const auto address = smtp::parse_mailbox(email);
        return address.ok() && login.is(*address);
      });
      if (is_theirs && !account_->disabled) return accept();
      return refuse("the certificate is for somebody else");
    }
    refuse("no account for the certificate");
  }

  void conclude(bool good, const char* why) {
    if (!good) return refuse(why);
    if (!account_ || account_->disabled) return refuse("the account is disabled");
    if (!is_for_itself()) return refuse("another identity");
    accept();
  }

  sasl::Login login_of(const AccountRecord& account) const {
    return {account.name, sasl::to_string(question_.mechanism), account.addresses, account.may_relay,
            account.changed};
  }

  void accept() {
    if (failed_before_) {
      const auto forgotten =
          database_.write_now(storage::Durability::kProgress, [this](storage::Connection& connection) {
            return LoginFailureStore(connection).forget(name_, network_);
          });
      if (!forgotten.ok()) log::warning("login-trouble", {{"error", forgotten.error().message}});
    }
    name_ = account_->name;
    note(LoginOutcome::kAccepted);
    tell("login", "");
    finish({std::make_shared<const sasl::Login>(login_of(*account_)), std::nullopt, std::nullopt});
  }

  // Counted before it is told.
  void refuse(const std::string& why) {
    const auto counted =
        database_.write_now(storage::Durability::kProgress, [this](storage::Connection& connection) {
          return LoginFailureStore(connection).count(name_, network_, clock_.wall_now());
        });
    if (!counted.ok()) return in_trouble(counted.error().message);
    tell_refused(why);
  }

  void tell_refused(const std::string& why) {
    note(LoginOutcome::kRefused);
    tell("login-failed", why);
    finish({nullptr, std::nullopt, std::nullopt});
  }

  void in_trouble(const std::string& error) {
    log::warning("login-trouble", {{"client", question_.client_ip}, {"account", name_}, {"error", error}});
    give_up();
  }

  void note(LoginOutcome outcome) const { count_login(question_.mechanism, source_, outcome); }

  void tell(std::string_view event, const std::string& why) const {
    std::vector<log::Field> fields = {{"account", name_},
                                      {"mechanism", sasl::to_string(question_.mechanism)},
                                      {"client", question_.client_ip}};
    if (!why.empty()) fields.emplace_back("why", why);
    if (source_ == LoginSource::kMemory) fields.emplace_back("password", "remembered");
    log::write(log::Level::kInfo, event, fields.data(), fields.size());
  }

  void finish(LoginAnswer answer) {
    const auto done = std::move(done_);
    done(std::move(answer));
  }

  const std::shared_ptr<const AccountOptions> options_;
  const std::shared_ptr<VerifiedPasswords> verified_;
  storage::Database& database_;
  const Clock& clock_;
  const std::string secret_;
  const std::shared_ptr<Threads> threads_;
  const MonoTime asked_at_;
  LoginQuestion question_;
  std::function<void(LoginAnswer)> done_;
  const std::string network_;
  std::string name_;
  std::optional<AccountRecord> account_;
  LoginSource source_;  // as far as is known
  bool failed_before_ = false;
};

AccountService::AccountService(storage::Database& database, const Clock& clock, std::string secret,
                               AccountOptions options)
    : options_(std::make_shared<const AccountOptions>(std::move(options))),
      verified_(std::make_shared<VerifiedPasswords>(options_->remember)),
      database_(database),
      clock_(clock),
      secret_(std::move(secret)),
      threads_(std::make_shared<Threads>(options_->threads)) {
  keys_ = make_keys(*options_);
}

AccountService::~AccountService() {
  stop();
}

void AccountService::stop() {
  threads_->stop();
}

std::shared_ptr<const AccountOptions> AccountService::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

// The answer comes on the client's thread; requests that are under way at its end are answered then.
std::shared_ptr<KeyCache> AccountService::make_keys(const AccountOptions& options) {
  if (options.jwks_url.empty()) return nullptr;
  http::Request request;
  request.url = options.jwks_url;
  request.ca_file = options.tokens.ca_file;
  request.timeout = options.tokens.timeout;
  request.max_octets = 256 * 1024;
  return std::make_shared<KeyCache>(clock_, [&http = http_, request](http::HttpClient::Done done) {
    http.fetch(request, std::move(done));
  });
}

void AccountService::set_options(AccountOptions options) {
  verified_->set_keep(options.remember);
  const std::lock_guard lock(mutex_);
  if (options.jwks_url != options_->jwks_url || options.tokens.ca_file != options_->tokens.ca_file)
    keys_ = make_keys(options);
  options_ = std::make_shared<const AccountOptions>(std::move(options));
}

void AccountService::ask(LoginQuestion question, std::function<void(LoginAnswer)> done) {
  auto one = std::make_shared<Try>(*this, std::move(question), std::move(done));
  if (threads_->own.queued() >= kMostWaiting) return one->give_up();
  if (one->question().asked.kind != Question::Kind::kToken) return one->go_on(threads_->own, &Try::run);
  one->go_on(threads_->own, [this](Try& self) {
    if (self.may_ask_about_token()) ask_about_token(self.shared_from_this());
  });
}

// On a thread of the service. Comes back by run_with() or run_with_keys().
void AccountService::ask_about_token(std::shared_ptr<Try> one) {
  const auto now = options();
  if (!now->jwks_url.empty()) return ask_for_keys(std::move(one));
  if (now->tokens.url.empty()) return one->give_up();
  http_.fetch(introspection_request(now->tokens, one->question().asked.secret),
              [one, threads = threads_](Result<http::Response> response) {
                one->go_on(threads->own,
                           [response = std::move(response)](Try& self) { self.run_with(response); });
              });
}

void AccountService::ask_for_keys(std::shared_ptr<Try> one) {
  one->judge_by_keys();
  const auto header = read_token_header(one->question().asked.secret);
  auto judge = [one, threads = threads_](Result<KeyCache::Keys> keys) {
    one->go_on(threads->own, [keys = std::move(keys)](Try& self) { self.run_with_keys(keys); });
  };
  if (!header) return judge(KeyCache::Keys());
  std::shared_ptr<KeyCache> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  if (keys == nullptr) return one->give_up();  // the settings have just changed
  keys->find(header->algorithm, header->key_id, std::move(judge));
}

Result<std::string> load_login_secret(storage::Database& database) {
  std::string secret;
  const auto get = [&secret](storage::Connection& connection) -> Result<void> {
    auto stored = storage::SiteStore(connection).get(kSecretName);
    if (!stored.ok()) return stored.error();
    secret = stored->value_or("");
    return {};
  };
  ESSAIM_TRY(database.read_now(get));
  if (secret.empty()) {
    ESSAIM_TRY(database.write_now(storage::Durability::kAccept,
                                  [fresh = random_key(kSecretLength)](storage::Connection& connection) {
                                    return storage::SiteStore(connection).set_if_missing(kSecretName, fresh);
                                  }));
    ESSAIM_TRY(database.read_now(get));  // another node may have been first
  }
  if (secret.size() != kSecretLength)
    return Error{ErrorCode::kDamaged, "the site's login-secret in the database does not have 32 octets"};
  return secret;
}

}  // namespace essaim::smtpd
