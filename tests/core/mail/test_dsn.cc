#include <boost/test/unit_test.hpp>

#include "core/mail/dsn.h"
#include "tests/core/mail/messages.h"

using namespace essaim::mail;

namespace {

// A report with this delivery-status part.
std::string report(const std::string& status, const std::string& part_fields = "") {
  return crlf(
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nwords\n--b\n"
      "Content-Type: message/delivery-status\n" +
      part_fields + "\n" + status + "\n--b--\n");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dsn)

BOOST_AUTO_TEST_CASE(postfix_reports_are_read) {
  const auto dsn = parse_dsn(message("dsn_postfix"));
  BOOST_REQUIRE(dsn.has_value());
  BOOST_TEST(dsn->reporting_mta == "mail.remote.example");
  BOOST_TEST(dsn->original_message_id == "<post.1@author.example>");
  BOOST_REQUIRE(dsn->recipients.size() == 2U);
  const DsnRecipient& gone = dsn->recipients[0];
  BOOST_TEST(gone.final_recipient == "gone@remote.example");
  BOOST_TEST(gone.original_recipient == "alias@remote.example");
  BOOST_TEST((gone.action == DsnAction::kFailed));
  BOOST_TEST(gone.status == "5.1.1");
  BOOST_TEST(gone.remote_mta == "mx.remote.example");
  BOOST_TEST(gone.diagnostic ==
             "550 5.1.1 <gone@remote.example>: Recipient address    rejected: User unknown in virtual "
             "mailbox table");
  BOOST_TEST(dsn->recipients[1].final_recipient == "slow@remote.example");
  BOOST_TEST((dsn->recipients[1].action == DsnAction::kDelayed));
  BOOST_TEST(dsn->recipients[1].status == "4.4.1");
  BOOST_TEST(dsn->recipients[1].diagnostic == "");
}

BOOST_AUTO_TEST_CASE(exim_exchange_and_big_mail_reports_are_read) {
  const struct {
    const char* name;
    const char* recipient;
    const char* status;
    const char* diagnostic_begins;
  } rows[] = {
      {"dsn_exim", "gone@remote.example", "5.2.2", "mailbox is full"},
      {"dsn_exchange", "gone@corp.example", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient"},
      {"dsn_gmail", "gone@bigmail.example", "5.1.1", "550-5.1.1 The email account"},
  };
  for (const auto& row : rows) {
    const auto dsn = parse_dsn(message(row.name));
    BOOST_REQUIRE_MESSAGE(dsn.has_value(), row.name);
    BOOST_REQUIRE(dsn->recipients.size() == 1U);
    BOOST_TEST(dsn->recipients[0].final_recipient == row.recipient);
    BOOST_TEST((dsn->recipients[0].action == DsnAction::kFailed));
    BOOST_TEST(dsn->recipients[0].status == row.status);
    BOOST_TEST(dsn->recipients[0].diagnostic.starts_with(row.diagnostic_begins));
    BOOST_TEST(dsn->original_message_id == "<post.1@author.example>");
  }
}

BOOST_AUTO_TEST_CASE(nothing_else_is_taken_for_a_report) {
  for (const std::string& name : all_message_names()) {
    BOOST_TEST(parse_dsn(message(name)).has_value() == name.starts_with("dsn_"), name);
  }
}

BOOST_AUTO_TEST_CASE(odd_reports_are_read_as_far_as_they_go) {
  const auto one = [](const std::string& text) {
    const auto dsn = parse_dsn(text);
    BOOST_REQUIRE(dsn.has_value());
    BOOST_REQUIRE(dsn->recipients.size() == 1U);
    return dsn->recipients[0];
  };
  BOOST_TEST(
      one(report("Final-Recipient: a@b.example\nAction: FAILED (expired)\nStatus: 5.4.7 (x)\n")).status ==
      "5.4.7");
  BOOST_TEST((one(report("\n\n\nFinal-Recipient: rfc822;a@b.example\nStatus: 4.2.2\n")).action ==
              DsnAction::kDelayed));
  BOOST_TEST(
      one(report("Reporting-MTA: dns;x\nnot a field\nFinal-Recipient: rfc822;a@b.example\nAction: failed\n"))
          .final_recipient == "a@b.example");
  BOOST_TEST(one(report("Original-Recipient: rfc822;a@b.example\nAction: failed\nStatus: banana\n")).status ==
             "");
  BOOST_TEST(one(report("RmluYWwtUmVjaXBpZW50OiByZmM4MjI7YUBiLmV4YW1wbGUNCkFjdGlvbjogZmFpbGVkDQo=\n",
                        "Content-Transfer-Encoding: base64\n"))
                 .final_recipient == "a@b.example");
  // An archiver or a gateway has made it something else.
  std::string mixed = report("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.1.1\n");
  mixed.replace(0, mixed.find("; boundary"), "Content-Type: multipart/mixed");
  BOOST_TEST(one(mixed).status == "5.1.1");
  const DsnRecipient longest =
      one(report("Final-Recipient: rfc822;a@b.example\nAction: failed\nDiagnostic-Code: smtp;" +
                 std::string(50'000, 'x') + "\n"));
  BOOST_TEST(longest.diagnostic.size() == 1000U);
  for (const char* status :
       {"", "Reporting-MTA: dns;x\n", "Final-Recipient: rfc822;a@b.example\n",
        "Final-Recipient: rfc822;a@b.example\nAction: banana\nStatus: 2.0.0\n", "Action: failed\n"}) {
    BOOST_TEST(!parse_dsn(report(status)).has_value(), status);
  }
}

BOOST_AUTO_TEST_CASE(recipients_are_bounded) {
  std::string status;
  for (int i = 0; i < 5000; ++i)
    status += "Final-Recipient: rfc822;a" + std::to_string(i) + "@b.example\nAction: failed\n\n";
  BOOST_TEST(parse_dsn(report(status))->recipients.size() == 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
