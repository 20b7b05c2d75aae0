// Addresses of commands, configuration and member files: what is read can be written and read again.
#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "core/smtp/path.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

void check_address(const smtp::Address& address) {
  const std::string text = address.to_string();
  ESSAIM_CHECK(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  ESSAIM_CHECK(is_valid_utf8(text) && is_ascii(address.domain));
  ESSAIM_CHECK(address.domain.size() <= smtp::kMaxDomain);
  ESSAIM_CHECK(ascii_lowered(address.domain) == address.domain || address.domain.front() == '[');
  if (address.domain.empty() || text.size() > smtp::kMaxPath - 2) return;
  const auto again = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
  ESSAIM_CHECK(again.ok() && *again == address);
  smtp::RcptCommand command;
  ESSAIM_CHECK(!smtp::parse_rcpt_argument("TO:<" + text + ">", &command, {.smtputf8 = true}, true));
  ESSAIM_CHECK(command.forward_path == address);
}

}  // namespace

ESSAIM_FUZZ_TARGET(address) {
  const unsigned choice = fuzz::take_choice(&data);
  const smtp::Offered offered{.smtputf8 = (choice & 1) != 0, .dsn = (choice & 2) != 0};
  smtp::MailCommand mail;
  if (!smtp::parse_mail_argument(data, &mail, offered)) {
    if (!mail.reverse_path.empty()) check_address(mail.reverse_path);
    ESSAIM_CHECK(mail.parameters.smtputf8 || !mail.reverse_path.needs_smtputf8());
  }
  smtp::RcptCommand rcpt;
  if (!smtp::parse_rcpt_argument(data, &rcpt, offered, (choice & 4) != 0)) {
    check_address(rcpt.forward_path);
    ESSAIM_CHECK((choice & 4) != 0 || !rcpt.forward_path.needs_smtputf8());
  }
  if (const auto mailbox = smtp::parse_mailbox(data); mailbox.ok()) {
    check_address(*mailbox);
    ESSAIM_CHECK(!mailbox->needs_smtputf8());
  }
  if (const auto mailbox = smtp::parse_mailbox(data, smtp::LocalPart::kUtf8); mailbox.ok())
    check_address(*mailbox);
  if (data.size() > 300) return;
  if (const auto ascii = smtp::domain_to_ascii(data); ascii.ok() && !is_ascii(data)) {
    ESSAIM_CHECK(is_ascii(*ascii));
    const auto again = smtp::domain_to_ascii(*ascii);
    ESSAIM_CHECK(again.ok() && *again == *ascii);
  }
}
