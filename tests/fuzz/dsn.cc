// Reports that come to bounce addresses: bounded, and no octet of theirs ends a line of ours.
#include "core/mail/dsn.h"

#include "core/mail/plain_report.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

void check(const std::optional<mail::Dsn>& dsn) {
  if (!dsn) return;
  ESSAIM_CHECK(!dsn->recipients.empty() && dsn->recipients.size() <= 1'000);
  for (const mail::DsnRecipient& recipient : dsn->recipients) {
    for (const std::string* text : {&recipient.final_recipient, &recipient.original_recipient,
                                    &recipient.status, &recipient.diagnostic, &recipient.remote_mta}) {
      ESSAIM_CHECK(text->size() <= 1'000);
      ESSAIM_CHECK(text->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
    ESSAIM_CHECK(recipient.status.empty() ||
                 recipient.status.find_first_not_of("0123456789.") == std::string::npos);
  }
  ESSAIM_CHECK(dsn->original_message_id.find_first_of("\r\n") == std::string::npos);
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(dsn) {
  check(mail::parse_dsn(data));
  check(mail::parse_plain_report(data));
  const std::string words = mail::first_words(data);
  ESSAIM_CHECK(words.size() <= 200 &&
               words.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
}
