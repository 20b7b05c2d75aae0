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

// RFC 8617 appendix B. Its keys of 512 bits are nowhere to be had, and would be refused; all else is read.
BOOST_AUTO_TEST_CASE(the_example_of_the_rfc_is_read) {
  const std::string message = crlf(
      "ARC-Seal: i=3; a=rsa-sha256; cv=pass; d=clochette.example.org; s=\n"
      "        clochette; t=12345; b=CU87XzXlNlk5X/yW4l73UvPUcP9ivwYWxyBWcVrRs7\n"
      "        +HPx3K05nJhny2fvymbReAmOA9GTH/y+k9kEc59hAKVg==\n"
      "ARC-Message-Signature: i=3; a=rsa-sha256; c=relaxed/relaxed; d=\n"
      "        clochette.example.org; h=message-id:date:from:to:subject; s=\n"
      "        clochette; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZY\n"
      "        LQ=; b=o71vwyLsK+Wm4cOSlirXoRwzEvi0vqIjd/2/GkYFYlSd/GGfKzkAgPqxf\n"
      "        K7ccBMP7Zjb/mpeggswHjEMS8x5NQ==\n"
      "ARC-Authentication-Results: i=3; clochette.example.org; spf=fail\n"
      "    smtp.from=jqd@d1.example; dkim=fail (512-bit key)\n"
      "    header.i=@d1.example; dmarc=fail; arc=pass (as.2.gmail.example=pass,\n"
      "    ams.2.gmail.example=pass, as.1.lists.example.org=pass,\n"
      "    ams.1.lists.example.org=fail (message has been altered))\n"
      "ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=gmail.example; s=20120806; t=\n"
      "        12345; b=Zpukh/kJL4Q7Kv391FKwTepgS56dgHIcdhhJZjsalhqkFIQQAJ4T9BE\n"
      "        8jjLXWpRNuh81yqnT1/jHn086RwezGw==\n"
      "ARC-Message-Signature: i=2; a=rsa-sha256; c=relaxed/relaxed; d=\n"
      "        gmail.example; h=message-id:date:from:to:subject; s=20120806; t=\n"
      "        12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYLQ=; b=CVoG44\n"
      "        cVZvoSs2mMig2wwqPaJ4OZS5XGMCegWqQs1wvRZJS894tJM0xO1RJLgCPsBOxdA5\n"
      "        9WSqI9s9DfyKDfWg==\n"
      "ARC-Authentication-Results: i=2; gmail.example; spf=fail\n"
      "    smtp.from=jqd@d1.example; dkim=fail (512-bit key)\n"
      "    header.i=@example.org; dmarc=fail; arc=pass\n"
      "    (as.1.lists.example.org=pass, ams.1.lists.example.org=pass)\n"
      "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.example.org; s=dk-lists;\n"
      "         t=12345; b=TlCCKzgk3TrAa+G77gYYO8Fxk4q/Ml0biqduZJeOYh6+0zhwQ8u/\n"
      "        lHxLi21pxu347isLSuNtvIagIvAQna9a5A==\n"
      "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=\n"
      "        lists.example.org; h=message-id:date:from:to:subject; s=\n"
      "        dk-lists; t=12345; bh=KWSe46TZKCcDbH4klJPo+tjk5LWJnVRlP5pvjXFZYL\n"
      "        Q=; b=DsoD3n3hiwlrN1ma8IZQFgZx8EDO7Wah3hUjIEsYKuShRKYB4LwGUiKD5Y\n"
      "        yHgcIwGHhSc/4+ewYqHMWDnuFxiQ==\n"
      "ARC-Authentication-Results: i=1; lists.example.org; spf=pass\n"
      "    smtp.mfrom=jqd@d1.example; dkim=pass (512-bit key)\n"
      "    header.i=@d1.example; dmarc=pass\n"
      "Message-ID: <54B84785.1060301@d1.example>\n"
      "Date: Thu, 14 Jan 2015 15:00:01 -0800\n"
      "From: John Q Doe <jqd@d1.example>\n"
      "To: arc@dmarc.example\n"
      "Subject: [List 2] Example 1\n"
      "\n"
      "Hey gang,\nThis is a test message.\n--J.\n");
  const auto header = mail::HeaderBlock::parse(message);
  const auto sets = arc_sets(*header);
  BOOST_REQUIRE_MESSAGE(sets.ok(), (sets.ok() ? "" : sets.error().message));
  BOOST_REQUIRE(sets->size() == 3);
  const struct {
    const char* domain;
    const char* selector;
    const char* validation;
    const char* results;
  } rows[] = {{"lists.example.org", "dk-lists", "none", "spf=pass dkim=pass dmarc=pass "},
              {"gmail.example", "20120806", "pass", "spf=fail dkim=fail dmarc=fail arc=pass "},
              {"clochette.example.org", "clochette", "pass", "spf=fail dkim=fail dmarc=fail arc=pass "}};
  for (std::size_t i = 0; i < 3; ++i) {
    const ArcSet& set = (*sets)[i];
    const auto seal = parse_seal(set.seal->raw_value());
    const auto signature = parse_signature(set.message->raw_value(), SignatureKind::kArcMessage);
    BOOST_REQUIRE((seal.ok() && signature.ok()));
    BOOST_TEST(seal->instance == static_cast<int>(i) + 1);
    BOOST_TEST(seal->domain == rows[i].domain);
    BOOST_TEST(seal->selector == rows[i].selector);
    BOOST_TEST(seal->validation == rows[i].validation);
    BOOST_TEST(seal->signature.size() == 64u);
    BOOST_TEST(signature->domain == rows[i].domain);
    const auto body = body_hash(std::string_view(message).substr(header->body_offset()), signature->body);
    BOOST_TEST(
        (signature->body_hash == std::string_view(reinterpret_cast<const char*>(body.data()), body.size())));
    const std::string value = set.results->value();
    const auto results = parse_results(value.substr(value.find(';') + 1));
    BOOST_REQUIRE(results.ok());
    BOOST_TEST(results->authserv_id == rows[i].domain);
    std::string shown;
    for (const auto& one : results->results) shown += one.method + "=" + one.result + " ";
    BOOST_TEST(shown == rows[i].results);
  }
  Answers answers;
  BOOST_TEST(to_string(verify_chain(message, answers).status) == "temperror");
  for (const mailauth::Question& question : answers.take_missing())
    answers.add(question, {Answer::Status::kNoName, {}, {}});
  const auto result = verify_chain(message, answers);
  BOOST_TEST(to_string(result.status) == "fail");
  BOOST_TEST(result.reason == "ARC-Message-Signature: no key for signature");
  BOOST_TEST(result.sets == 3);
  BOOST_TEST(result.sealer == "clochette.example.org");
}

BOOST_AUTO_TEST_SUITE_END()
