// What is made of a whole message, where name servers are silent.
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mailauth/message_check.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/core/mailauth/zone.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

std::string signature_of(const std::string& domain) {
  return "DKIM-Signature: v=1; a=ed25519-sha256; d=" + domain +
         "; s=x; h=from;\r\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(message_check)

// Anybody has a domain whose servers are silent.
BOOST_AUTO_TEST_CASE(a_silent_server_makes_a_failure_uncertain_only_where_it_could_have_aligned) {
  const struct {
    const char* silent;
    const char* sender;  // its domain
    const char* signer;  // "": no signature
    DmarcStatus status;
  } rows[] = {
      {"evil.example", "evil.example", "", DmarcStatus::kFail},
      {"x._domainkey.evil.example", "other.example", "evil.example", DmarcStatus::kFail},
      {"bank.example", "bank.example", "", DmarcStatus::kTempError},
      {"mail.bank.example", "mail.bank.example", "", DmarcStatus::kTempError},
      {"x._domainkey.bank.example", "other.example", "bank.example", DmarcStatus::kTempError},
      {"x._domainkey.mail.bank.example", "other.example", "mail.bank.example", DmarcStatus::kTempError},
  };
  for (const auto& row : rows) {
    Zone zone;
    zone.text("_dmarc.bank.example", "v=DMARC1; p=reject");
    zone.broken = {row.silent};
    const std::string message = (*row.signer == '\0' ? "" : signature_of(row.signer)) +
                                "From: ceo@bank.example\r\nSubject: x\r\n\r\nText\r\n";
    const auto check = MessageCheck::make({"192.0.2.1", "client.example", {"eve", row.sender}}, message);
    BOOST_REQUIRE(check.ok());
    const Authentication found = zone.resolve([&](Answers& answers) {
      (*check)->look(answers);
      return (*check)->conclude(from_millis(1'790'000'000'000), answers);
    });
    BOOST_TEST_INFO(row.silent);
    BOOST_TEST(to_string(found.dmarc.status) == to_string(row.status));
    BOOST_TEST(found.temporary());
    BOOST_TEST(found.may_be_authenticated == (row.status == DmarcStatus::kTempError));
  }
}

// Hosts refuse lines of more than 998 octets, and what is folded in the message is not in the results.
BOOST_AUTO_TEST_CASE(names_of_any_length_make_no_long_lines_of_results) {
  std::string folded;
  for (int i = 0; i < 30; ++i) folded += "\r\n " + std::string(60, 'a') + ".";
  folded += "\r\n a";
  const std::string signature =
      " a=ed25519-sha256; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA";
  const std::string message = "ARC-Seal: i=1; a=ed25519-sha256; cv=none; s=x; b=AAAA; d=" + folded + "\r\n" +
                              "ARC-Message-Signature: i=1; s=x; d=a.example;" + signature + "\r\n" +
                              "ARC-Authentication-Results: i=1; a.example; none\r\n" +
                              "DKIM-Signature: v=1; d=a.example;" + signature + "; s=" + folded + "\r\n" +
                              "DKIM-Signature: v=1; s=x;" + signature + "; d=" + folded + "\r\n" +
                              "From: ceo@bank.example\r\n\r\nText\r\n";
  const MailSource source{"192.0.2.1", "client.example", {"eve", "evil.example"}};
  const auto check = MessageCheck::make(source, message);
  BOOST_REQUIRE(check.ok());
  Zone zone;
  const Authentication found = zone.resolve([&](Answers& answers) {
    (*check)->look(answers);
    return (*check)->conclude(from_millis(1'790'000'000'000), answers);
  });
  BOOST_REQUIRE(found.dkim.size() == 2u);
  BOOST_TEST(found.dkim[0].reason == "s= is no name");
  BOOST_TEST(to_string(found.arc.status) == "fail");
  const std::string text = "Authentication-Results: " + format_results(to_results(found, source, "mx"));
  for (const std::string_view line : split(text, '\n')) BOOST_TEST(line.size() <= 998u, line);
}

// Each of these costs questions, and the sender's record needs many, one after the other.
BOOST_AUTO_TEST_CASE(what_a_message_names_besides_leaves_questions_for_its_author_and_sender) {
  Zone zone;
  zone.text("_dmarc.bank.example", "v=DMARC1; p=reject");
  std::string record = "v=spf1", message, from;
  for (int i = 1; i <= 9; ++i) {
    const std::string number = std::to_string(i);
    record += " include:" + number + ".bank.example";
    zone.text(number + ".bank.example", "v=spf1 ip4:198.51.100." + number + " -all");
  }
  zone.text("bank.example", record + " mx -all");
  for (const char* host : {"1.mx.bank.example", "2.mx.bank.example", "3.mx.bank.example"})
    zone.mx("bank.example", host).ipv4(host, "198.51.100.2");
  std::string evil = "v=spf1";
  for (int i = 1; i <= 10; ++i) {
    const std::string name = "m" + std::to_string(i) + ".evil.example";
    evil += " mx:" + name;
    for (int j = 1; j <= 10; ++j) {
      const std::string host = "h" + std::to_string(j) + "." + name;
      zone.mx(name, host).ipv4(host, "198.51.100.1");
    }
  }
  zone.text("helo.evil.example", evil + " -all");
  for (int i = 1; i <= 12; ++i) {
    const std::string n = std::to_string(i) + ".";
    message += signature_of("a" + n + "b" + n + "c" + n + "d" + n + "e" + n + "f" + n + "bank.example");
  }
  for (int i = 1; i <= 7; ++i) from += "x@a.b.c.d.e.f" + std::to_string(i) + ".evil.example, ";
  message += "From: " + from + "ceo@bank.example\r\n\r\nText\r\n";
  const auto check = MessageCheck::make({"192.0.2.1", "helo.evil.example", {"ceo", "bank.example"}}, message);
  BOOST_REQUIRE(check.ok());
  Answers answers = zone.resolve(
      [&](Answers& a) {
        (*check)->look(a);
        return a;
      },
      300);
  const Authentication found = (*check)->conclude(from_millis(1'790'000'000'000), answers);
  BOOST_TEST(zone.asked.size() <= Answers::kMaxQuestions);
  BOOST_TEST(to_string(found.spf.status) == "fail");
  BOOST_TEST(to_string(found.dmarc.status) == "fail");
  BOOST_TEST(found.dmarc.domain == "bank.example");
}

// RFC 7489 §6.6.1. Who forges an author writes a name of their own beside it.
BOOST_AUTO_TEST_CASE(of_several_authors_the_one_counts_whose_domain_has_most_to_say_against_it) {
  const struct {
    const char* from;
    DmarcStatus status;
    const char* domain;
    DmarcPolicy policy;
  } rows[] = {
      {"a@evil.example, ceo@bank.example", DmarcStatus::kFail, "bank.example", DmarcPolicy::kReject},
      {"ceo@bank.example, a@evil.example", DmarcStatus::kFail, "bank.example", DmarcPolicy::kReject},
      {"ceo@shop.example, ceo@bank.example", DmarcStatus::kFail, "bank.example", DmarcPolicy::kReject},
      {"ceo@shop.example, a@evil.example", DmarcStatus::kFail, "shop.example", DmarcPolicy::kQuarantine},
      {"a@silent.example, ceo@bank.example", DmarcStatus::kFail, "bank.example", DmarcPolicy::kReject},
      {"a@silent.example, b@open.example", DmarcStatus::kTempError, "silent.example", DmarcPolicy::kNone},
      {"a@evil.example, b@evil.example", DmarcStatus::kPass, "evil.example", DmarcPolicy::kReject},
      // None disowns it: the one passes, the other has no policy. Nor does any of them stand behind it.
      {"a@evil.example, b@plain.example", DmarcStatus::kPermError, "evil.example", DmarcPolicy::kReject},
      // An author whom people read and programs skip.
      {"CEO <ceo@bank.example> ., a@evil.example", DmarcStatus::kPermError, "", DmarcPolicy::kNone},
      {"CEO <ceo@bank.example>: a@evil.example;", DmarcStatus::kPermError, "", DmarcPolicy::kNone},
      {"a@1.example, a@2.example, a@3.example, a@4.example, a@5.example, a@6.example, a@7.example, "
       "a@8.example, "
       "ceo@bank.example",
       DmarcStatus::kFail, "1.example", DmarcPolicy::kReject},
  };
  for (const auto& row : rows) {
    Zone zone;
    zone.text("evil.example", "v=spf1 ip4:192.0.2.1 -all");
    zone.text("_dmarc.evil.example", "v=DMARC1; p=reject");
    zone.text("_dmarc.bank.example", "v=DMARC1; p=reject");
    zone.text("_dmarc.shop.example", "v=DMARC1; p=quarantine");
    zone.text("_dmarc.open.example", "v=DMARC1; p=none");
    zone.broken = {"_dmarc.silent.example"};
    const std::string message =
        std::string("Sender: a@evil.example\r\nFrom: ") + row.from + "\r\n\r\nText\r\n";
    const auto check = MessageCheck::make({"192.0.2.1", "client.example", {"eve", "evil.example"}}, message);
    BOOST_REQUIRE(check.ok());
    const Authentication found = zone.resolve([&](Answers& answers) {
      (*check)->look(answers);
      return (*check)->conclude(from_millis(1'790'000'000'000), answers);
    });
    BOOST_TEST_INFO(row.from);
    BOOST_TEST(to_string(found.dmarc.status) == to_string(row.status));
    BOOST_TEST(found.dmarc.domain == row.domain);
    BOOST_TEST(to_string(found.dmarc.policy) == to_string(row.policy));
    BOOST_TEST(found.author_authenticated() == (row.status == DmarcStatus::kPass));
    BOOST_TEST(!found.may_be_authenticated);
  }
}

// It is the one that posts, so who forges it writes authors of nobody's domain beside it.
BOOST_AUTO_TEST_CASE(who_posts_by_sender_beside_several_authors_may_be_disowned_by_that_domain) {
  const struct {
    const char* from;
    const char* sender;
    DmarcStatus status;
    const char* domain;
    const char* property;
  } rows[] = {
      {"a@plain.example, b@plain.example", "ceo@bank.example", DmarcStatus::kFail, "bank.example",
       "header.sender"},
      {"a@evil.example, b@evil.example", "CEO <ceo@BANK.example>", DmarcStatus::kFail, "bank.example",
       "header.sender"},
      {"a@evil.example, b@plain.example", "ceo@bank.example", DmarcStatus::kFail, "bank.example",
       "header.sender"},
      {"ceo@shop.example, a@evil.example", "ceo@bank.example", DmarcStatus::kFail, "bank.example",
       "header.sender"},
      {"ceo@bank.example, a@evil.example", "ceo@shop.example", DmarcStatus::kFail, "bank.example",
       "header.from"},
      {"a@evil.example, b@evil.example", "x@silent.example", DmarcStatus::kTempError, "silent.example",
       "header.sender"},
      // What has nothing to say against it says nothing for it.
      {"a@evil.example, b@evil.example", "x@plain.example", DmarcStatus::kPass, "evil.example",
       "header.from"},
      {"a@evil.example, b@evil.example", "x@open.example", DmarcStatus::kPass, "evil.example", "header.from"},
      {"a@plain.example, b@open.example", "eve@evil.example", DmarcStatus::kPermError, "plain.example",
       "header.from"},
      {"a@open.example, b@open.example", "eve@evil.example", DmarcStatus::kFail, "open.example",
       "header.from"},
      // Nobody takes these for the one that posts.
      {"a@evil.example", "ceo@bank.example", DmarcStatus::kPass, "evil.example", "header.from"},
      {"a@evil.example, b@evil.example", "ceo@bank.example, x@bank.example", DmarcStatus::kPass,
       "evil.example", "header.from"},
  };
  for (const auto& row : rows) {
    Zone zone;
    zone.text("evil.example", "v=spf1 ip4:192.0.2.1 -all");
    zone.text("_dmarc.evil.example", "v=DMARC1; p=reject");
    zone.text("_dmarc.bank.example", "v=DMARC1; p=reject");
    zone.text("_dmarc.shop.example", "v=DMARC1; p=quarantine");
    zone.text("_dmarc.open.example", "v=DMARC1; p=none");
    zone.broken = {"_dmarc.silent.example"};
    const std::string message =
        std::string("Sender: ") + row.sender + "\r\nFrom: " + row.from + "\r\n\r\nText\r\n";
    const MailSource source{"192.0.2.1", "client.example", {"eve", "evil.example"}};
    const auto check = MessageCheck::make(source, message);
    BOOST_REQUIRE(check.ok());
    const Authentication found = zone.resolve([&](Answers& answers) {
      (*check)->look(answers);
      return (*check)->conclude(from_millis(1'790'000'000'000), answers);
    });
    BOOST_TEST_INFO(row.from << " by " << row.sender);
    BOOST_TEST(to_string(found.dmarc.status) == to_string(row.status));
    BOOST_TEST(found.dmarc.domain == row.domain);
    BOOST_TEST(found.author_authenticated() == (row.status == DmarcStatus::kPass));
    const std::string told = format_results(to_results(found, source, "mx"));
    BOOST_TEST(told.find(std::string(row.property) + "=" + row.domain) != std::string::npos, told);
  }
}

// Who has a signed mail of somebody must not be able to make another of it that is still theirs.
BOOST_AUTO_TEST_CASE(a_signature_that_leaves_to_others_what_people_read_authenticates_nobody) {
  using Fields = std::vector<std::string>;
  const auto key = ed25519_key();
  const std::string body = "Text\r\n";
  const std::string message =
      "From: owner@" + key->domain + "\r\nTo: x@y.example\r\nSubject: re\r\nMessage-ID: <1@x>\r\n\r\n" + body;
  const Fields usual = {"From", "Subject", "Message-ID"};
  const struct {
    const char* above;
    Fields fields;
    std::optional<std::uint64_t> octets;
    const char* behind;
    bool good;
  } rows[] = {
      {"", usual, {}, "", true},
      {"", usual, body.size(), "", true},  // all of it
      {"", usual, body.size(), "more\r\n", false},
      {"Subject: DEL dev ann@x.example\r\n", usual, {}, "", false},
      {"subject: DEL dev ann@x.example\r\n", usual, {}, "", false},
      {"Message-ID: <2@x>\r\n", usual, {}, "", false},
      {"Message-ID: <1@x>\r\n", usual, {}, "", true},                // what people read is what was signed
      {"Message-ID: <2@x>\r\n", {"From", "Subject"}, {}, "", true},  // it never said anything about them
      {"To: z@y.example\r\nReceived: from a by b; Fri, 11 Jul 2003 21:01:54 -0700\r\n",
       {"From", "To", "Subject"},
       {},
       "",
       true},
  };
  for (const auto& row : rows) {
    BOOST_TEST_INFO_SCOPE(row.above << row.behind);
    Zone zone;
    zone.text("_dmarc." + key->domain, "v=DMARC1; p=reject");
    zone.text(key_record_name(key->selector, key->domain), key_record_text(key->key));
    HowToSign how;
    how.fields = row.fields;
    how.octets = row.octets;
    const std::string received = row.above + signed_by_stranger(message, *key, how) + row.behind;
    const MailSource source{"192.0.2.1", "client.example", {"eve", "evil.example"}};
    const auto check = MessageCheck::make(source, received);
    BOOST_REQUIRE(check.ok());
    const Authentication found = zone.resolve([&](Answers& answers) {
      (*check)->look(answers);
      return (*check)->conclude(from_millis(1'790'000'000'000), answers);
    });
    BOOST_REQUIRE(found.dkim.size() == 1U);
    BOOST_TEST(to_string(found.dkim[0].status) == "pass", found.dkim[0].reason);
    BOOST_TEST(found.dkim[0].partial == !row.good);
    BOOST_TEST(to_string(found.dmarc.status) == (row.good ? "pass" : "fail"));
    BOOST_TEST(found.author_authenticated() == row.good);
    BOOST_TEST(found.dmarc.aligned_dkim.empty() == !row.good);
    const std::string told = format_results(to_results(found, source, "mx"));
    BOOST_TEST((told.find("only part of the message is signed") == std::string::npos) == row.good, told);
  }
}

BOOST_AUTO_TEST_SUITE_END()
