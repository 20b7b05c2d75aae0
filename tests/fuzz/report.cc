// Reports that we write about anything: no word of others begins a line or a field, and our own reader finds
// the recipients in them.
#include "core/mail/report.h"

#include <string>

#include "core/base/text.h"
#include "core/mail/header_block.h"
#include "tests/fuzz/target.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::mail;

ESSAIM_FUZZ_TARGET(report) {
  const unsigned choice = fuzz::take_choice(&data);
  Report report;
  report.from_address = "MAILER-DAEMON@lists.example";
  report.message_id = "<1@lists.example>";
  report.reporting_mta = "mx.lists.example";
  report.to_address = (choice & 1) != 0 ? std::string(fuzz::take_until(&data, '\n')) : "ann@a.example";
  report.subject = fuzz::take_until(&data, '\n');
  report.envelope_id = fuzz::take_until(&data, '\n');
  report.in_reply_to = (choice & 2) != 0 ? std::string(fuzz::take_until(&data, '\n')) : "";
  report.smtputf8 = (choice & 4) != 0;
  report.content = static_cast<ReturnContent>((choice >> 3) % 3);
  report.max_returned = 2'000;
  for (unsigned i = 0; i <= (choice >> 5); ++i) {
    ReportRecipient recipient;
    recipient.address = i == 0 ? "bob@b.example" : "r" + std::string(fuzz::take_until(&data, '\n'));
    recipient.original = fuzz::take_until(&data, '\n');
    recipient.action = static_cast<DsnAction>(i % 5);
    recipient.status = fuzz::take_until(&data, '\n');
    recipient.remote_mta = fuzz::take_until(&data, '\n');
    recipient.diagnostic = fuzz::take_until(&data, '\0');
    if ((choice & 8) != 0) recipient.retry_until = recipient.last_attempt = from_millis(1'790'000'000'000);
    report.recipients.push_back(std::move(recipient));
  }
  report.original = data;
  const auto composed = compose_report(report);
  if (!composed.ok()) return;
  const std::string& text = composed->message;
  ESSAIM_CHECK(text.size() <= 40 * (data.size() + 8'000) + 200'000);
  const auto header = HeaderBlock::parse(text);
  ESSAIM_CHECK(header.ok() && header->count("To") == 1 && header->count("Content-Type") == 1);
  ESSAIM_CHECK(header->value("Auto-Submitted").has_value());
  // The message that is returned keeps its line ends, whatever they are; nothing else has bare ones.
  if (!test::has_bare_line_ends(data)) ESSAIM_CHECK(!test::has_bare_line_ends(text));
  if (!report.smtputf8 && is_ascii(data) && is_ascii(report.to_address))
    ESSAIM_CHECK(is_ascii(text) && !composed->needs_smtputf8);
  if (!composed->eight_bit && !composed->needs_smtputf8) ESSAIM_CHECK(is_ascii(text));
  const auto read = parse_dsn(text);
  ESSAIM_CHECK(read.has_value() && read->recipients.size() == report.recipients.size());
  ESSAIM_CHECK(read->recipients.front().final_recipient == "bob@b.example");
  ESSAIM_CHECK(read->reporting_mta == report.reporting_mta);
}
