// ESMTP parameters of MAIL, RCPT and BDAT, and the encoding of their values.
#include "core/smtp/parameters.h"

#include "core/base/text.h"
#include "core/smtp/chunk.h"
#include "core/smtp/xtext.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

void check_refusal(const smtp::Reply& refused) {
  ESSAIM_CHECK(refused.code == 501 || refused.code == 555 || refused.code == 552 || refused.code == 504);
  const std::string wire = refused.to_wire();
  ESSAIM_CHECK(is_ascii(wire) && wire.find_first_of(std::string_view("\0\x1b", 2)) == std::string::npos);
}

// What is kept of a sender's words is copied into reports: no line end, no control.
bool clean(const std::string& text) {
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 32) || c == 127) return false;
  return is_valid_utf8(text);
}

}  // namespace

ESSAIM_FUZZ_TARGET(parameters) {
  const unsigned choice = fuzz::take_choice(&data);
  const smtp::Offered offered{
      .smtputf8 = (choice & 1) != 0, .dsn = (choice & 2) != 0, .require_tls = (choice & 8) != 0};
  std::vector<smtp::Parameter> split;
  if (const auto refused = smtp::split_parameters(data, &split)) check_refusal(*refused);
  ESSAIM_CHECK(split.size() <= smtp::kMaxParameters);
  smtp::MailParameters mail;
  if (const auto refused = smtp::read_mail_parameters(data, &mail, offered)) {
    check_refusal(*refused);
  } else {
    ESSAIM_CHECK(clean(mail.dsn.envelope_id) && mail.dsn.envelope_id.size() <= 100);
    ESSAIM_CHECK(offered.smtputf8 || !mail.smtputf8);
    ESSAIM_CHECK(offered.require_tls || !mail.require_tls);
    ESSAIM_CHECK(offered.dsn || mail.dsn == smtp::DsnMailParameters{});
  }
  smtp::RcptParameters rcpt;
  if (const auto refused = smtp::read_rcpt_parameters(data, &rcpt, offered, (choice & 4) != 0)) {
    check_refusal(*refused);
  } else {
    ESSAIM_CHECK(clean(rcpt.dsn.original_recipient_type) && clean(rcpt.dsn.original_recipient_address));
    ESSAIM_CHECK(offered.dsn || rcpt.dsn == smtp::DsnRcptParameters{});
  }
  if (const auto text = smtp::xtext_decoded(data)) {
    const std::string again = smtp::xtext_encoded(*text);
    ESSAIM_CHECK(again.size() <= 3 * text->size());
    ESSAIM_CHECK(smtp::xtext_decoded(again) == text);
  }
  const smtp::ChunkArgument chunk = smtp::parse_chunk_argument(data);
  ESSAIM_CHECK(chunk.size_known || !chunk.well_formed);
}
