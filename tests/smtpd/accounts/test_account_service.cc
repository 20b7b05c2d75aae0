// Who gets in, on a real database.
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/base64url.h"
#include "core/base/log.h"
#include "core/sasl/password_hash.h"
#include "smtpd/accounts/account_service.h"
#include "smtpd/accounts/login_counts.h"
#include "tests/support/temp_database.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace essaim::test;
using sasl::Question;

namespace {

class Door {
 public:
  explicit Door(LoginLimits limits = {}) {
    AccountOptions options;
    options.limits = limits;
    service_ = std::make_unique<AccountService>(*database_, system_clock(), "0123456789abcdef", options);
  }

  void add(const std::string& name, const std::string& password, bool disabled = false,
           const std::string& address = "ann@a.test") {
    storage::AccountRecord account;
    account.name = name;
    if (!password.empty()) {
      account.password = sasl::hash_password(password).value();
      account.scram = sasl::format_scram_verifier(sasl::make_scram_verifier(password));
    }
    account.addresses = {address};
    account.disabled = disabled;
    BOOST_REQUIRE(
        database_
            ->write_now(storage::Durability::kAccept,
                        [&](storage::Connection& c) { return storage::AccountStore(c).add(account); })
            .ok());
  }

  LoginAnswer ask(Question asked, const std::string& ip = "192.0.2.1", std::vector<std::string> emails = {},
                  sasl::Mechanism mechanism = sasl::Mechanism::kPlain) {
    std::promise<LoginAnswer> answer;
    LoginQuestion question{std::move(asked), mechanism, ip, std::move(emails)};
    service_->ask(std::move(question), [&](LoginAnswer got) { answer.set_value(std::move(got)); });
    return answer.get_future().get();
  }

  // "ann", "" (nobody), "454"
  std::string login(const std::string& name, const std::string& password, const std::string& ip = "192.0.2.1",
                    const std::string& authzid = "") {
    return who(ask({Question::Kind::kPassword, name, authzid, password}, ip));
  }
  static std::string who(const LoginAnswer& answer) {
    if (answer.trouble) return std::to_string(answer.trouble->code);
    return answer.login ? answer.login->account : "";
  }
  AccountService& service() { return *service_; }
  // As another node does it.
  void change(const std::string& name, const std::function<void(storage::AccountRecord*)>& what) {
    BOOST_REQUIRE(database_
                      ->write_now(storage::Durability::kAccept,
                                  [&](storage::Connection& c) {
                                    auto account = storage::AccountStore(c).find(name).value().value();
                                    what(&account);
                                    return storage::AccountStore(c).update(account);
                                  })
                      .ok());
  }

 private:
  TempDatabase database_;
  std::unique_ptr<AccountService> service_;
};

// Signs tokens, and serves its key to one who asks for it.
class TokenIssuer {
 public:
  TokenIssuer() {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof own;
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&own), length) == 0);
    BOOST_REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length) == 0);
    BOOST_REQUIRE(::listen(fd_, 1) == 0);
    port_ = ntohs(own.sin_port);
    unsigned char raw[32];
    std::size_t size = sizeof raw;
    BOOST_REQUIRE(EVP_PKEY_get_raw_public_key(key_.get(), raw, &size) == 1);
    const std::string keys = R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":")" +
                             base64url_encoded({reinterpret_cast<const char*>(raw), size}) + "\"}]}";
    thread_ = std::thread([this, keys] { serve(keys); });
  }
  ~TokenIssuer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  TokenIssuer(const TokenIssuer&) = delete;
  TokenIssuer& operator=(const TokenIssuer&) = delete;

  AccountOptions options() const {
    AccountOptions out;
    out.jwks_url = "http://127.0.0.1:" + std::to_string(port_) + "/keys";
    out.token_rules = {"https://id.test", "smtp.test", "sub", ""};
    return out;
  }

  // Of ann; its time is over in so many seconds.
  std::string token(std::int64_t seconds) const {
    const std::int64_t expires = to_millis(system_clock().wall_now()) / 1000 + seconds;
    const std::string text =
        base64url_encoded(R"({"alg":"EdDSA"})") + "." +
        base64url_encoded(R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann","exp":)" +
                          std::to_string(expires) + "}");
    unsigned char signature[64];
    std::size_t size = sizeof signature;
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    BOOST_REQUIRE(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    BOOST_REQUIRE(EVP_DigestSign(context.get(), signature, &size,
                                 reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    return text + "." + base64url_encoded({reinterpret_cast<const char*>(signature), size});
  }

 private:
  void serve(const std::string& keys) const {
    const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    char request[4096];
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json\r\nConnection: close\r\nContent-Length: " +
        std::to_string(keys.size()) + "\r\n\r\n" + keys;
    if (::recv(peer, request, sizeof request, 0) > 0)
      ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(peer);
  }

  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{
      EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free};
  const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// Takes connections and says nothing.
class SilentDirectory {
 public:
  SilentDirectory() {
    own_.sin_family = AF_INET;
    own_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof own_;
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&own_), length) == 0);
    BOOST_REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&own_), &length) == 0);
    BOOST_REQUIRE(::listen(fd_, 100) == 0);
  }
  ~SilentDirectory() {
    for (const int fd : taken_) ::close(fd);
    ::close(fd_);
  }
  SilentDirectory(const SilentDirectory&) = delete;
  SilentDirectory& operator=(const SilentDirectory&) = delete;

  AccountOptions options() const {
    AccountOptions out;
    out.ldap.url = "ldap://127.0.0.1:" + std::to_string(ntohs(own_.sin_port));
    out.ldap.bind_dn = "uid={name}";
    out.ldap.timeout = std::chrono::seconds(1);
    return out;
  }
  // So far.
  std::size_t attempts() {
    for (int fd = 0; (fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) taken_.push_back(fd);
    return taken_.size();
  }

 private:
  sockaddr_in own_{};
  int fd_ = -1;
  std::vector<int> taken_;
};

// People of the directory, as many at once; what they hear.
struct Crowd {
  Crowd(AccountService& service, int size) {
    for (int i = 0; i < size; ++i) {
      Question asked{Question::Kind::kPassword, "user" + std::to_string(i), "", "x"};
      service.ask({std::move(asked), sasl::Mechanism::kPlain, "192.0.2.1", {}}, [this](LoginAnswer answer) {
        if (Door::who(answer) == "454") ++told_later;
        ++answered;
      });
    }
  }
  std::atomic<int> answered = 0;
  std::atomic<int> told_later = 0;
};

bool comes_true(const std::function<bool()>& what) {
  for (int i = 0; i < 24'000; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(account_service)

BOOST_AUTO_TEST_CASE(lets_in_who_knows_the_password) {
  Door door;
  door.add("ann", "long secret");
  door.add("gone", "long secret", true);
  door.add("elsewhere", "");
  BOOST_TEST(door.login("ann", "long secret") == "ann");
  BOOST_TEST(door.login("Ann", "long secret") == "ann");
  BOOST_TEST(door.login("ann", "long secret", "192.0.2.1", "ANN") == "ann");
  BOOST_TEST(door.login("ann", "long secreT") == "");
  BOOST_TEST(door.login("ann", "long secret", "192.0.2.1", "bob") == "");
  BOOST_TEST(door.login("gone", "long secret") == "");
  BOOST_TEST(door.login("elsewhere", "long secret") == "");
  BOOST_TEST(door.login("nobody", "long secret") == "");
  BOOST_TEST(door.login("ann ", "long secret") == "");
  BOOST_TEST(door.login("\xff", "long secret") == "");
  BOOST_TEST(door.login("ann", "\x01") == "");
}

BOOST_AUTO_TEST_CASE(a_guesser_bars_the_own_network_only) {
  Door door({3, 100, 1'000});
  door.add("ann", "long secret");
  for (int i = 0; i < 3; ++i) BOOST_TEST(door.login("ann", "wrong") == "");
  BOOST_TEST(door.login("ann", "long secret") == "454");
  BOOST_TEST(door.login("ann", "long secret", "192.0.2.99") == "454");
  BOOST_TEST(door.login("ann", "long secret", "198.51.100.1") == "ann");
  // Of who is not there, the same.
  for (int i = 0; i < 3; ++i) BOOST_TEST(door.login("nobody", "wrong") == "");
  BOOST_TEST(door.login("nobody", "wrong") == "454");
}

BOOST_AUTO_TEST_CASE(a_network_that_tries_all_accounts_is_barred) {
  Door door({3, 5, 1'000});
  door.add("ann", "long secret");
  for (int i = 0; i < 5; ++i) BOOST_TEST(door.login("user" + std::to_string(i), "wrong") == "");
  BOOST_TEST(door.login("ann", "long secret") == "454");
  BOOST_TEST(door.login("ann", "long secret", "198.51.100.1") == "ann");
}

BOOST_AUTO_TEST_CASE(an_attack_from_many_networks_does_not_lock_its_owner_out) {
  Door door({3, 100, 4});
  door.add("ann", "long secret");
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(door.login("ann", "wrong", "10.0." + std::to_string(i) + ".1") == "");
  BOOST_TEST(door.login("ann", "wrong", "10.0.0.1") == "454");
  BOOST_TEST(door.login("ann", "wrong", "10.0.9.1") == "");
  BOOST_TEST(door.login("ann", "wrong", "10.0.9.1") == "454");
  BOOST_TEST(door.login("ann", "long secret", "198.51.100.1") == "ann");
}

BOOST_AUTO_TEST_CASE(who_remembers_begins_anew) {
  Door door({3, 100, 1'000});
  door.add("ann", "long secret");
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST(door.login("ann", "wrong") == "");
    BOOST_TEST(door.login("ann", "wrong") == "");
    BOOST_TEST(door.login("ann", "long secret") == "ann");
  }
}

BOOST_AUTO_TEST_CASE(a_verifier_is_given_for_everybody_and_a_proof_decides) {
  Door door({3, 100, 1'000});
  door.add("ann", "long secret");
  door.add("gone", "long secret", true);
  const auto verifier = [&](const std::string& name) {
    return *door.ask({Question::Kind::kVerifier, name, "", ""}).verifier;
  };
  BOOST_TEST((verifier("ann") == verifier("ann")));
  BOOST_TEST((verifier("nobody") == verifier("nobody")));
  BOOST_TEST((verifier("nobody").salt != verifier("nobody2").salt));
  BOOST_TEST(verifier("nobody").iterations == verifier("ann").iterations);
  const std::string ann = sasl::format_scram_verifier(verifier("ann")),
                    gone = sasl::format_scram_verifier(verifier("gone"));
  const auto proof = [&](const std::string& name, bool proven, const std::string& authzid = "") {
    return Door::who(door.ask({Question::Kind::kProof, name, authzid, name == "ann" ? ann : gone, proven}));
  };
  BOOST_TEST(proof("ann", true) == "ann");
  BOOST_TEST(proof("ann", true, "bob") == "");
  BOOST_TEST(proof("gone", true) == "");
  BOOST_TEST(proof("ann", false) == "");
  BOOST_TEST(proof("ann", false) == "");
  // Also who has the verifier already comes too late.
  BOOST_TEST(proof("ann", true) == "454");
  BOOST_TEST(Door::who(door.ask({Question::Kind::kVerifier, "ann", "", ""})) == "454");
}

BOOST_AUTO_TEST_CASE(a_proof_of_a_password_that_was_changed_meanwhile_is_none) {
  Door door;
  door.add("ann", "long secret");
  const std::string before =
      sasl::format_scram_verifier(*door.ask({Question::Kind::kVerifier, "ann", "", ""}).verifier);
  BOOST_TEST(Door::who(door.ask({Question::Kind::kProof, "ann", "", before, true})) == "ann");
  door.change("ann", [](auto* account) {
    account->scram = sasl::format_scram_verifier(sasl::make_scram_verifier("another secret"));
  });
  BOOST_TEST(Door::who(door.ask({Question::Kind::kProof, "ann", "", before, true})) == "");
  door.change("ann", [](auto* account) { account->scram.clear(); });
  BOOST_TEST(Door::who(door.ask({Question::Kind::kProof, "ann", "", before, true})) == "");
}

// What a message is judged by, when it is stored (lists/acceptance.h).
BOOST_AUTO_TEST_CASE(a_login_bears_the_time_of_the_account_that_it_saw) {
  Door door;
  door.add("ann", "long secret");
  const auto changed = [&] {
    const auto answer = door.ask({Question::Kind::kPassword, "ann", "", "long secret"});
    BOOST_REQUIRE(answer.login != nullptr);
    return answer.login->changed;
  };
  door.change("ann", [](auto* account) { account->changed = from_millis(7'000); });
  BOOST_TEST((changed() == from_millis(7'000)));
  door.change("ann", [](auto* account) { account->changed = from_millis(8'000); });
  BOOST_TEST((changed() == from_millis(8'000)));  // also where the password is remembered
}

BOOST_AUTO_TEST_CASE(a_certificate_stands_for_an_account_with_its_name_or_address) {
  Door door;
  door.add("ann", "");
  door.add("bob@b.test", "");
  const auto come = [&](const std::string& as, std::vector<std::string> emails) {
    return Door::who(door.ask({Question::Kind::kCertificate, "", as, ""}, "192.0.2.1", std::move(emails)));
  };
  BOOST_TEST(come("", {"x@x.test", "Bob@b.test"}) == "bob@b.test");
  BOOST_TEST(come("ann", {"ann@a.test"}) == "ann");
  BOOST_TEST(come("", {"ann@a.test"}) == "");
  BOOST_TEST(come("ann", {"bob@b.test"}) == "");
  BOOST_TEST(come("bob@b.test", {"eve@x.test"}) == "");
  BOOST_TEST(come("nobody", {"ann@a.test"}) == "");
  BOOST_TEST(come("", {}) == "");
  // To send as everybody of a domain is not to be everybody.
  door.add("app", "", false, "*@a.test");
  BOOST_TEST(come("app", {"bob@a.test"}) == "");
  BOOST_TEST(come("app", {"ann@a.test"}) == "");
}

BOOST_AUTO_TEST_CASE(a_password_that_was_right_is_remembered_and_a_change_of_the_account_holds_at_once) {
  Door door;
  door.add("ann", "long secret");
  std::atomic<int> remembered = 0;
  const log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("login ") != line.npos && line.find("password=remembered") != line.npos) ++remembered;
  });
  BOOST_TEST(door.login("ann", "long secret") == "ann");
  BOOST_TEST(remembered == 0);
  BOOST_TEST(door.login("ANN", "long secret") == "ann");
  BOOST_TEST(remembered == 1);
  BOOST_TEST(door.login("ann", "long secreT") == "");
  BOOST_TEST(door.login("ann", "long secret", "192.0.2.1", "bob") == "");
  door.change("ann", [](storage::AccountRecord* account) { account->disabled = true; });
  BOOST_TEST(door.login("ann", "long secret") == "");
  door.change("ann", [](storage::AccountRecord* account) {
    account->disabled = false;
    account->password = sasl::hash_password("other secret").value();
  });
  BOOST_TEST(door.login("ann", "long secret") == "");
  BOOST_TEST(door.login("ann", "other secret") == "ann");
  // The same words under another salt are verified anew.
  remembered = 0;
  door.change("ann", [](storage::AccountRecord* account) {
    account->password = sasl::hash_password("other secret").value();
  });
  BOOST_TEST(door.login("ann", "other secret") == "ann");
  BOOST_TEST(remembered == 0);
}

BOOST_AUTO_TEST_CASE(other_options_hold_from_the_next_login_on) {
  Door door;
  door.add("ann", "long secret");
  BOOST_TEST(door.login("ann", "wrong") == "");
  AccountOptions options;
  options.limits.failures = 1;
  door.service().set_options(options);
  BOOST_TEST(door.login("ann", "long secret") == "454");
  options.limits.failures = 10;
  options.remember = Duration::zero();
  door.service().set_options(options);
  std::atomic<int> remembered = 0;
  const log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("password=remembered") != line.npos) ++remembered;
  });
  for (int i = 0; i < 2; ++i) BOOST_TEST(door.login("ann", "long secret") == "ann");
  BOOST_TEST(remembered == 0);
  // Tokens by keys, from a server that is not there: that is no refusal.
  BOOST_TEST(Door::who(door.ask({Question::Kind::kToken, "", "", "a.b.c"})) == "454");  // nobody to ask
  options.jwks_url = "http://127.0.0.1:1/keys";
  door.service().set_options(options);
  BOOST_TEST(Door::who(door.ask({Question::Kind::kToken, "", "", "nonsense"})) == "");
  BOOST_TEST(Door::who(door.ask({Question::Kind::kToken, "", "", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"})) == "454");
}

// "": it was looked at, and refused.
BOOST_AUTO_TEST_CASE(refused_tokens_bar_nobody_but_the_network_that_sends_a_hundred) {
  Door door({10, 100, 200});
  AccountOptions options;
  options.jwks_url = "http://127.0.0.1:1/keys";
  door.service().set_options(options);
  const auto token = [&](const std::string& ip) {
    return Door::who(door.ask({Question::Kind::kToken, "", "", "nonsense"}, ip));
  };
  for (int i = 0; i < 100; ++i) BOOST_TEST(token("192.0.2.1") == "");
  BOOST_TEST(token("192.0.2.1") == "454");
  for (int i = 0; i < 100; ++i) BOOST_TEST(token("198.51.100." + std::to_string(i)) == "");
  for (int i = 0; i < 2; ++i) BOOST_TEST(token("203.0.113.1") == "");
}

BOOST_AUTO_TEST_CASE(a_token_that_was_good_once_bars_nobody_beside_it) {
  const TokenIssuer issuer;
  Door door;
  door.add("ann", "");
  AccountOptions options = issuer.options();
  options.limits.network_failures = 2;
  door.service().set_options(options);
  const auto log_in = [&](const std::string& token) {
    return Door::who(door.ask({Question::Kind::kToken, "", "", token}));
  };
  const std::string expired = issuer.token(-3600);
  for (int i = 0; i < 5; ++i) BOOST_TEST(log_in(expired) == "");
  BOOST_TEST(log_in(issuer.token(3600)) == "ann");
  // What the issuer has not signed says nothing about itself.
  std::string forged = expired;
  char& octet = forged[forged.rfind('.') + 1];
  octet = octet == 'A' ? 'B' : 'A';
  for (int i = 0; i < 2; ++i) BOOST_TEST(log_in(forged) == "");
  BOOST_TEST(log_in(issuer.token(3600)) == "454");
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_about_a_token_of_a_network_that_is_barred) {
  SilentDirectory silent;
  Door door;
  AccountOptions options;
  options.limits.network_failures = 1;
  options.tokens.url = "http" + silent.options().ldap.url.substr(4) + "/ask";
  options.tokens.timeout = std::chrono::seconds(2);
  door.service().set_options(options);
  BOOST_TEST(door.login("ann", "wrong") == "");
  BOOST_TEST(Door::who(door.ask({Question::Kind::kToken, "", "", "a.b.c"})) == "454");
  BOOST_TEST(silent.attempts() == 0);
  BOOST_TEST(Door::who(door.ask({Question::Kind::kToken, "", "", "a.b.c"}, "198.51.100.1")) == "454");
  BOOST_TEST(silent.attempts() > 0);
}

BOOST_AUTO_TEST_CASE(every_login_is_counted_by_mechanism_by_what_judged_it_and_by_its_answer) {
  using sasl::Mechanism;
  using Kind = Question::Kind;
  // "PLAIN database accepted", of those that have changed since the last time.
  std::vector<LoginCount> before = login_counts();
  const auto counted = [&before] {
    std::vector<std::string> out;
    const std::vector<LoginCount> now = login_counts();
    for (std::size_t i = 0; i < now.size(); ++i)
      for (std::uint64_t n = before[i].logins; n < now[i].logins; ++n)
        out.push_back(std::string(sasl::to_string(now[i].mechanism)) + " " + to_string(now[i].source) + " " +
                      to_string(now[i].outcome));
    before = now;
    return out;
  };
  using Counted = std::vector<std::string>;
  Door door({2, 100, 1'000});
  door.add("ann", "long secret");
  door.login("ann", "long secret");
  BOOST_TEST((counted() == Counted{"PLAIN database accepted"}));
  door.login("ann", "long secret");
  BOOST_TEST((counted() == Counted{"PLAIN memory accepted"}));
  for (int i = 0; i < 3; ++i) door.login("ann", "wrong");
  BOOST_TEST(
      (counted() == Counted{"PLAIN database refused", "PLAIN database refused", "PLAIN database throttled"}));
  const std::string elsewhere = "198.51.100.1";
  // A verifier alone is no login; what is proven by it is.
  const auto asked = door.ask({Kind::kVerifier, "ann", "", ""}, elsewhere, {}, Mechanism::kScramSha256Plus);
  const std::string verifier = sasl::format_scram_verifier(*asked.verifier);
  BOOST_TEST((counted() == Counted{}));
  door.ask({Kind::kProof, "ann", "", verifier, true}, elsewhere, {}, Mechanism::kScramSha256Plus);
  door.ask({Kind::kProof, "ann", "", verifier, false}, elsewhere, {}, Mechanism::kScramSha256);
  BOOST_TEST(
      (counted() == Counted{"SCRAM-SHA-256 database refused", "SCRAM-SHA-256-PLUS database accepted"}));
  door.ask({Kind::kCertificate, "", "ann", ""}, elsewhere, {"ann@a.test"}, Mechanism::kExternal);
  door.ask({Kind::kCertificate, "", "ann", ""}, elsewhere, {"eve@x.test"}, Mechanism::kExternal);
  BOOST_TEST((counted() == Counted{"EXTERNAL certificate accepted", "EXTERNAL certificate refused"}));
  AccountOptions options;
  options.tokens.url = "http://127.0.0.1:1/ask";
  options.ldap.url = "ldap://127.0.0.1:1";
  options.ldap.bind_dn = "uid={name}";
  door.service().set_options(options);
  door.ask({Kind::kToken, "", "", "a.b.c"}, elsewhere, {}, Mechanism::kOauthBearer);
  door.ask({Kind::kPassword, "bob", "", "x"}, elsewhere, {}, Mechanism::kLogin);
  BOOST_TEST((counted() == Counted{"LOGIN directory deferred", "OAUTHBEARER introspection deferred"}));
  options.jwks_url = "http://127.0.0.1:1/keys";
  door.service().set_options(options);
  door.ask({Kind::kToken, "", "", "nonsense"}, elsewhere, {}, Mechanism::kOauthBearer);
  BOOST_TEST((counted() == Counted{"OAUTHBEARER keys refused"}));
  door.service().stop();
  door.login("ann", "long secret");
  BOOST_TEST((counted() == Counted{"PLAIN database deferred"}));
}

BOOST_AUTO_TEST_CASE(answers_when_it_has_ended) {
  Door door;
  door.service().stop();
  BOOST_TEST(door.login("ann", "x") == "454");
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_silent_directory_is_answered_at_the_end) {
  SilentDirectory directory;
  Door door;
  door.service().set_options(directory.options());
  const Crowd crowd(door.service(), 20);
  BOOST_TEST(comes_true([&] { return directory.attempts() > 0; }));
  door.service().stop();
  BOOST_TEST(crowd.told_later == 20);
  BOOST_TEST(directory.attempts() < 8U);
}

BOOST_AUTO_TEST_CASE(accounts_of_the_database_log_in_while_a_directory_is_silent) {
  SilentDirectory directory;
  Door door;
  door.add("ann", "long secret");
  door.service().set_options(directory.options());
  const Crowd crowd(door.service(), 150);
  // It has a queue of its own, which is full.
  BOOST_TEST(comes_true([&] { return crowd.answered > 50 && directory.attempts() > 0; }));
  BOOST_TEST(door.login("ann", "long secret") == "ann");
  BOOST_TEST(directory.attempts() <
             50U);  // she did not wait behind those who wait for it, one second for each two
  door.service().stop();
  BOOST_TEST(crowd.told_later == 150);
}

BOOST_AUTO_TEST_CASE(nobody_is_asked_about_who_has_given_up) {
  SilentDirectory directory;
  Door door;
  AccountOptions options = directory.options();
  options.ldap.timeout = std::chrono::seconds(3);
  options.answer_deadline = std::chrono::milliseconds(500);
  door.service().set_options(options);
  const Crowd crowd(door.service(), 10);
  BOOST_TEST(comes_true([&] { return crowd.answered == 10; }));
  door.service().stop();
  BOOST_TEST(crowd.told_later == 10);
  BOOST_TEST(directory.attempts() <= 2U);  // one for each thread
}

BOOST_AUTO_TEST_CASE(the_secret_of_the_site_is_made_once) {
  TempDatabase database;
  const std::string first = load_login_secret(*database).value();
  BOOST_TEST(first.size() == 32U);
  BOOST_TEST((load_login_secret(*database).value() == first));
}

BOOST_AUTO_TEST_SUITE_END()
