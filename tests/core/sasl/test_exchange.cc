// The mechanisms that are one message or two.
#include <boost/test/unit_test.hpp>

#include "core/sasl/bearer.h"
#include "core/sasl/server_exchange.h"

using namespace essaim::sasl;
using namespace std::string_literals;
using Kind = Step::Kind;

namespace {

auto exchange(Mechanism mechanism) {
  return make_exchange(mechanism, {}, false);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(exchanges)

BOOST_AUTO_TEST_CASE(plain_has_three_parts) {
  auto plain = exchange(Mechanism::kPlain);
  BOOST_TEST((plain->begin("other\0ann\0secret"s).kind == Kind::kAsk));
  BOOST_TEST((plain->question().kind == Question::Kind::kPassword));
  BOOST_TEST(plain->question().authzid == "other");
  BOOST_TEST(plain->question().authcid == "ann");
  BOOST_TEST(plain->question().secret == "secret");
  BOOST_TEST((plain->on_verdict(true).kind == Kind::kSuccess));
  BOOST_TEST(plain->question().secret.find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(plain_without_an_initial_response_asks_for_it) {
  auto plain = exchange(Mechanism::kPlain);
  const Step first = plain->begin(std::nullopt);
  BOOST_TEST((first.kind == Kind::kChallenge));
  BOOST_TEST(first.challenge.empty());
  BOOST_TEST((plain->respond("\0ann\0secret"s).kind == Kind::kAsk));
  BOOST_TEST((plain->on_verdict(false).kind == Kind::kRefused));
}

BOOST_AUTO_TEST_CASE(plain_refuses_what_has_not_three_parts) {
  for (const std::string& wrong :
       {""s, "ann"s, "\0ann"s, "\0ann\0"s, "\0\0secret"s, "\0ann\0sec\0ret"s, "\0\0"s})
    BOOST_TEST((exchange(Mechanism::kPlain)->begin(wrong).kind == Kind::kMalformed), wrong.size());
}

BOOST_AUTO_TEST_CASE(login_asks_for_name_and_password) {
  auto login = exchange(Mechanism::kLogin);
  BOOST_TEST(login->begin(std::nullopt).challenge == "Username:");
  BOOST_TEST(login->respond("ann").challenge == "Password:");
  BOOST_TEST((login->respond("secret").kind == Kind::kAsk));
  BOOST_TEST(login->question().authcid == "ann");
  auto with_name = exchange(Mechanism::kLogin);
  BOOST_TEST(with_name->begin("ann").challenge == "Password:");
  BOOST_TEST((with_name->respond("").kind == Kind::kMalformed));
  BOOST_TEST((exchange(Mechanism::kLogin)->begin("a\0b"s).kind == Kind::kMalformed));
}

BOOST_AUTO_TEST_CASE(external_gives_an_identity_or_none) {
  auto external = exchange(Mechanism::kExternal);
  BOOST_TEST((external->begin("").kind == Kind::kAsk));
  BOOST_TEST((external->question().kind == Question::Kind::kCertificate));
  BOOST_TEST((exchange(Mechanism::kExternal)->begin("ann").kind == Kind::kAsk));
  BOOST_TEST((exchange(Mechanism::kExternal)->begin("a\0"s).kind == Kind::kMalformed));
  BOOST_TEST((exchange(Mechanism::kExternal)->begin("\xff").kind == Kind::kMalformed));
}

BOOST_AUTO_TEST_CASE(a_bad_token_is_told_before_it_is_refused) {
  auto bearer = exchange(Mechanism::kOauthBearer);
  BOOST_TEST((bearer
                  ->begin("n,,\x01"
                          "auth=Bearer abc\x01\x01")
                  .kind == Kind::kAsk));
  BOOST_TEST((bearer->question().kind == Question::Kind::kToken));
  const Step told = bearer->on_verdict(false);
  BOOST_TEST((told.kind == Kind::kChallenge));
  BOOST_TEST(told.challenge == bearer_failure());
  BOOST_TEST((bearer->respond("\x01").kind == Kind::kRefused));
}

BOOST_AUTO_TEST_SUITE_END()
