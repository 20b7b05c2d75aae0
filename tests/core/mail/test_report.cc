#include <deque>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/multipart.h"
#include "core/mail/report.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

const WallTime kNow{std::chrono::milliseconds(1'795'000'000'000)};

Report failure(const std::string& original) {
  Report report;
  report.from_address = "MAILER-DAEMON@lists.example";
  report.to_address = "author@client.example";
  report.date = kNow;
  report.message_id = "<report@lists.example>";
  report.reporting_mta = "mx1.lists.example";
  report.arrival = kNow - std::chrono::hours(2);
  static std::deque<std::string> kept;  // a Report does not own it
  report.original = kept.emplace_back(original);
  ReportRecipient one;
  one.address = "bob@x.example";
  one.original = "rfc822;Bob@x.example";
  one.status = "5.1.1";
  one.remote_mta = "mx.x.example";
  one.diagnostic = "550 5.1.1 <bob@x.example>: no such user\nsecond line";
  one.last_attempt = kNow;
  report.recipients.push_back(one);
  return report;
}

ComposedReport composed(const Report& report) {
  Result<ComposedReport> out = compose_report(report);
  BOOST_REQUIRE_MESSAGE(out.ok(), (out.ok() ? "" : out.error().message));
  return *out;
}

// The parts of a report, each with its header.
std::vector<std::string> parts_of(const std::string& message) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message);
  const ContentType type = content_type_of(*header);
  BOOST_TEST(type.is("multipart", "report"));
  const std::string body = message.substr(header->body_offset());
  const auto parts = split_multipart(body, type.parameter("boundary"));
  BOOST_REQUIRE(parts.has_value());
  std::vector<std::string> out;
  for (const PartRange& part : parts->parts) out.push_back(body.substr(part.begin, part.end - part.begin));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(a_failure_is_reported_in_three_parts) {
  const std::string original = message("plain_ascii");
  Report report = failure(original);
  report.envelope_id = "QQ314+159";
  const ComposedReport out = composed(report);
  BOOST_TEST(!out.eight_bit);
  BOOST_TEST(!out.needs_smtputf8);
  const auto parts = parts_of(out.message);
  BOOST_REQUIRE_EQUAL(parts.size(), 3U);
  BOOST_TEST(parts[0].find("\r\n  <bob@x.example>\r\n") != std::string::npos, parts[0]);
  BOOST_TEST(parts[1] ==
             crlf("Content-Description: Delivery report\nContent-Type: message/delivery-status\n"
                  "Content-Transfer-Encoding: 7bit\n\nOriginal-Envelope-Id: QQ314+159\n"
                  "Reporting-MTA: dns; mx1.lists.example\nArrival-Date: Wed, 18 Nov 2026 09:06:40 +0000\n\n"
                  "Original-Recipient: rfc822; Bob@x.example\nFinal-Recipient: rfc822; bob@x.example\n"
                  "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.x.example\n"
                  "Diagnostic-Code: smtp; 550 5.1.1 <bob@x.example>: no such user second line\n"
                  "Last-Attempt-Date: Wed, 18 Nov 2026 11:06:40 +0000\n"));
  BOOST_TEST(parts[2] ==
             "Content-Description: Header of the message\r\nContent-Type: text/rfc822-headers\r\n"
             "Content-Transfer-Encoding: 7bit\r\n\r\n" +
                 header_of(original));
  report.content = ReturnContent::kFull;
  BOOST_TEST(parts_of(composed(report).message)[2].ends_with(
      "message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + original));
  report.max_returned = original.size() - 1;
  BOOST_TEST(parts_of(composed(report).message)[2].find("text/rfc822-headers") != std::string::npos);
  report.content = ReturnContent::kNothing;
  BOOST_TEST(parts_of(composed(report).message).size() == 2U);
}

BOOST_AUTO_TEST_CASE(our_own_parser_reads_it_back) {
  const std::string original = message("plain_ascii");
  Report report = failure(original);
  report.envelope_id = "id 1";
  ReportRecipient late = report.recipients[0];
  late.address = "carol@y.example";
  late.original = "";
  late.action = DsnAction::kDelayed;
  late.status = "4.4.1";
  late.remote_mta = "";
  late.diagnostic = "connect to mx.y.example: timed out";
  late.retry_until = kNow + std::chrono::hours(100);
  report.recipients.push_back(late);
  for (const ReturnContent content : {ReturnContent::kHeaders, ReturnContent::kFull}) {
    report.content = content;
    const std::string message = composed(report).message;
    BOOST_TEST(message.find("\r\nOriginal-Envelope-Id: id 1\r\n") != std::string::npos);
    const auto dsn = parse_dsn(message);
    BOOST_REQUIRE(dsn.has_value());
    BOOST_TEST(dsn->reporting_mta == "mx1.lists.example");
    BOOST_TEST(dsn->original_message_id == HeaderBlock::parse(original)->value("Message-ID").value());
    BOOST_REQUIRE_EQUAL(dsn->recipients.size(), 2U);
    BOOST_TEST(dsn->recipients[0].final_recipient == "bob@x.example");
    BOOST_TEST(dsn->recipients[0].original_recipient == "Bob@x.example");
    BOOST_TEST((dsn->recipients[0].action == DsnAction::kFailed));
    BOOST_TEST(dsn->recipients[0].status == "5.1.1");
    BOOST_TEST(dsn->recipients[0].remote_mta == "mx.x.example");
    BOOST_TEST((dsn->recipients[1].action == DsnAction::kDelayed));
    BOOST_TEST(dsn->recipients[1].status == "4.4.1");
    BOOST_TEST(dsn->recipients[1].diagnostic == "connect to mx.y.example: timed out");
  }
}

BOOST_AUTO_TEST_CASE(the_class_of_the_status_goes_with_the_action) {
  Report report = failure(message("plain_ascii"));
  const struct {
    const char* status;
    DsnAction action;
    const char* expected;
  } rows[] = {
      {"4.4.1", DsnAction::kFailed, "5.4.1"},     {"", DsnAction::kFailed, "5.0.0"},
      {"nonsense", DsnAction::kDelayed, "4.0.0"}, {"5.1.1\r\nX: y", DsnAction::kFailed, "5.0.0"},
      {"2.1.5", DsnAction::kRelayed, "2.1.5"},    {"1.2.3", DsnAction::kDelivered, "2.0.0"},
      {"5.1234.1", DsnAction::kFailed, "5.0.0"},
  };
  for (const auto& row : rows) {
    report.recipients[0].status = row.status;
    report.recipients[0].action = row.action;
    BOOST_TEST(parse_dsn(composed(report).message)->recipients[0].status == row.expected, row.status);
  }
}

BOOST_AUTO_TEST_CASE(nothing_from_outside_begins_a_line) {
  const std::string evil =
      "x\r\nAction: delivered\r\n\r\n--b\nFinal-Recipient: rfc822; eve@x\n\x1b[31m\xe2\x80\xae";
  Report report = failure(message("plain_ascii"));
  report.envelope_id = evil;
  report.reporting_mta = "h" + evil;
  report.in_reply_to = evil;
  report.recipients[0].original = evil;
  report.recipients[0].remote_mta = evil;
  report.recipients[0].diagnostic = evil + std::string(100'000, 'y');
  const std::string out = composed(report).message;
  const auto parts = parts_of(out);
  BOOST_REQUIRE_EQUAL(parts.size(), 3U);
  for (const std::string& text : {parts[0], parts[1]}) {
    BOOST_TEST(text.find("\nAction: delivered") == std::string::npos);
    BOOST_TEST(text.find("\nFinal-Recipient: rfc822; eve") == std::string::npos);
    BOOST_TEST(text.find('\x1b') == std::string::npos);
    for (std::string_view line : split(text, '\n')) BOOST_TEST(line.size() <= 999U);
  }
  BOOST_TEST(out.find("In-Reply-To") == std::string::npos);
  const auto dsn = parse_dsn(out);
  BOOST_REQUIRE_EQUAL(dsn->recipients.size(), 1U);
  BOOST_TEST((dsn->recipients[0].action == DsnAction::kFailed));
  for (const char* address : {"a\r\nBcc: b@x", "a\n"}) {
    Report bad = failure("");
    bad.recipients[0].address = address;
    BOOST_TEST(!compose_report(bad).ok());
    bad = failure("");
    bad.to_address = address;
    BOOST_TEST(!compose_report(bad).ok());
  }
}

BOOST_AUTO_TEST_CASE(nobody_gets_no_report) {
  Report report = failure("");
  report.to_address = "";
  BOOST_TEST(!compose_report(report).ok());
  report = failure("");
  report.recipients.clear();
  BOOST_TEST(!compose_report(report).ok());
}

BOOST_AUTO_TEST_CASE(utf8_has_its_own_forms_for_those_who_read_them) {
  const std::string original = crlf("From: a@x\nSubject: caf\xc3\xa9\nMessage-ID: <1@x>\n\nbody\n");
  Report report = failure(original);
  report.recipients[0].address = "jos\xc3\xa9@x.example";
  report.recipients[0].original = "utf-8;jos\xc3\xa9@x.example";
  report.smtputf8 = true;
  ComposedReport out = composed(report);
  BOOST_TEST(out.eight_bit);
  BOOST_TEST(!out.needs_smtputf8);
  auto parts = parts_of(out.message);
  BOOST_TEST(parts[1].find("message/global-delivery-status\r\n") != std::string::npos);
  BOOST_TEST(parts[1].find("Final-Recipient: utf-8; jos\xc3\xa9@x.example\r\n") != std::string::npos);
  BOOST_TEST(parts[2].find("message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n") !=
             std::string::npos);
  BOOST_TEST(parse_dsn(out.message)->recipients[0].final_recipient == "jos\xc3\xa9@x.example");

  report.smtputf8 = false;
  out = composed(report);
  BOOST_TEST(!out.eight_bit);
  BOOST_TEST(is_ascii(out.message));
  parts = parts_of(out.message);
  BOOST_TEST(parts[1].find("message/delivery-status\r\n") != std::string::npos);
  BOOST_TEST(parts[1].find("Final-Recipient: utf-8; jos\\x{E9}@x.example\r\n") != std::string::npos);
  BOOST_TEST(parts[2].find("text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n") !=
             std::string::npos);
  const auto dsn = parse_dsn(out.message);
  BOOST_TEST(dsn->recipients[0].final_recipient == "jos\xc3\xa9@x.example");
  BOOST_TEST(dsn->recipients[0].original_recipient == "jos\xc3\xa9@x.example");
  BOOST_TEST(dsn->original_message_id == "<1@x>");

  // A message that ASCII cannot say, for a sender who reads no UTF-8.
  const std::string stubborn = crlf("From: \xc3\xa9@x\nMessage-ID: <2@x>\n\nbody\n");
  report.original = stubborn;
  report.content = ReturnContent::kFull;
  out = composed(report);
  BOOST_TEST(is_ascii(out.message));
  BOOST_TEST(parts_of(out.message)[2].find("message/global\r\nContent-Transfer-Encoding: base64") !=
             std::string::npos);
  BOOST_TEST(parse_dsn(out.message)->original_message_id == "<2@x>");
}

BOOST_AUTO_TEST_CASE(every_message_can_be_returned) {
  for (const std::string& name : all_message_names()) {
    const std::string original = message(name);
    for (const bool utf8 : {false, true})
      for (const ReturnContent content : {ReturnContent::kHeaders, ReturnContent::kFull}) {
        Report report = failure(original);
        report.smtputf8 = utf8;
        report.content = content;
        const ComposedReport out = composed(report);
        BOOST_TEST(out.eight_bit == !is_ascii(out.message), name);
        const auto dsn = parse_dsn(out.message);
        BOOST_REQUIRE(dsn.has_value());
        BOOST_TEST(dsn->recipients[0].final_recipient == "bob@x.example", name);
        BOOST_TEST(parts_of(out.message).size() <= 3U);
      }
  }
}

BOOST_AUTO_TEST_SUITE_END()
