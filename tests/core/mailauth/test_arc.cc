#include <boost/test/unit_test.hpp>

#include "core/mailauth/arc_seal.h"
#include "tests/core/mail/messages.h"
#include "tests/core/mailauth/signed_mail.h"

using namespace essaim;
using namespace essaim::mailauth;
using mail::crlf;

namespace {

const std::string kMail = crlf(
    "From: Joe <joe@example.com>\nTo: dev@lists.example.org\nSubject: dinner\nDate: Fri, 11 Jul 2003 "
    "21:00:37 -0700\n\nHi.\n");
const WallTime kNow = from_millis(1'790'000'000'000);

ArcResult verify_chain(const std::string& message, Answers& answers) {
  const auto header = mail::HeaderBlock::parse(message);
  BOOST_REQUIRE(header.ok());
  const FieldIndex index(*header);
  BodyHashes hashes;
  const ArcVerifier verifier(*header, index, &hashes);
  hashes.take(std::string_view(message).substr(header->body_offset()));
  hashes.finish();
  verifier.ask(answers);
  return verifier.result(hashes, kNow, answers);
}

std::string sealed(const std::string& message, const SigningKey& key, Answers& answers) {
  publish(&answers, key_record_name(key.selector, key.domain), key_record_text(key.key));
  const ArcResult chain = verify_chain(message, answers);
  const auto header = mail::HeaderBlock::parse(message);
  return arc_fields(
             *header,
             body_hash(std::string_view(message).substr(header->body_offset()), Canonicalization::kRelaxed),
             chain, {"mx.example.org", {{"arc", to_string(chain.status), "", {}}}}, key, kNow) +
         message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(arc)

BOOST_AUTO_TEST_CASE(a_chain_of_ours_passes_and_grows) {
  Answers answers;
  std::string message = kMail;
  BOOST_TEST(to_string(verify_chain(message, answers).status) == "none");
  for (int sets = 1; sets <= 4; ++sets) {
    message = sealed(message, sets % 2 == 0 ? *rsa_key() : *ed25519_key(), answers);
    const auto result = verify_chain(message, answers);
    BOOST_TEST(to_string(result.status) == "pass");
    BOOST_TEST(result.reason == "");
    BOOST_TEST(result.sets == sets);
    BOOST_TEST(result.sealer == "lists.example.org");
  }
}

BOOST_AUTO_TEST_CASE(changes_break_it_and_the_next_seal_says_so) {
  Answers answers;
  const std::string chain = sealed(sealed(kMail, *ed25519_key(), answers), *ed25519_key(), answers);
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"Hi.", "Ho."},
      {"Subject: dinner", "Subject: [x] dinner"},
      {"arc=none", "arc=pass"},
      {"i=1; a=", "i=3; a="},
      {"cv=none", "cv=pass"},
      {"cv=pass", "cv=none"},
      {"ARC-Seal: i=1", "ARC-Seal: h=from; i=1"},
      {"ARC-Authentication-Results: i=1", "X: i=1"}};
  for (const auto& [from, to] : changes) {
    std::string broken = chain;
    broken.replace(broken.rfind(from), from.size(), to);
    BOOST_TEST_INFO(from);
    BOOST_TEST(to_string(verify_chain(broken, answers).status) == "fail");
  }
  std::string broken = chain;
  broken.replace(broken.find("Hi."), 3, "Ho.");
  const std::string again = sealed(broken, *ed25519_key(), answers);
  BOOST_TEST(again.find("cv=fail") != std::string::npos);
  // And there it ends.
  BOOST_TEST(sealed(again, *ed25519_key(), answers) == again);
}

BOOST_AUTO_TEST_CASE(fields_twice_or_beyond_fifty_are_no_chain) {
  Answers answers;
  const std::string chain = sealed(kMail, *ed25519_key(), answers);
  BOOST_TEST(
      to_string(verify_chain("ARC-Authentication-Results: i=1; x; none\r\n" + chain, answers).status) ==
      "fail");
  BOOST_TEST(
      to_string(verify_chain("ARC-Authentication-Results: i=51; x; none\r\n" + chain, answers).status) ==
      "fail");
  BOOST_TEST(to_string(verify_chain("ARC-Authentication-Results: x; none\r\n" + chain, answers).status) ==
             "fail");
}

BOOST_AUTO_TEST_CASE(a_name_server_that_does_not_answer_is_temporary) {
  Answers answers;
  const std::string chain = sealed(kMail, *ed25519_key(), answers);
  Answers none;
  BOOST_TEST(to_string(verify_chain(chain, none).status) == "temperror");
}

BOOST_AUTO_TEST_SUITE_END()
