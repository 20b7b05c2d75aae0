// The arguments of MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3): path and parameters. A refusal is the reply
// to give. Pure functions, linear. Both forms of
// internationalised domains are read; Address keeps the ASCII one.
//
//   mail         = "MAIL FROM:" Reverse-path [SP Mail-parameters]      Reverse-path = Path / "<>"
//   rcpt         = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP
//   Rcpt-parameters] Path         = "<" [ A-d-l ":" ] Mailbox ">" A-d-l        = "@" Domain *( "," "@" Domain
//   )
#pragma once

#include <optional>
#include <string_view>

#include "core/smtp/address.h"
#include "core/smtp/parameters.h"
#include "core/smtp/reply.h"

namespace essaim::smtp {

struct MailCommand {
  Address reverse_path;  // empty for <>
  MailParameters parameters;
};

struct RcptCommand {
  Address forward_path;  // domain is empty for <Postmaster>; its local part is then "postmaster"
  RcptParameters parameters;
};

// `argument` is what stands behind the verb: "FROM:<a@b> SIZE=1".
// `offered` is what EHLO announced. An address that is not ASCII is a 553 5.6.7 unless SMTPUTF8 is a
// parameter of the MAIL that began the transaction (RFC 6531 §3.4); for RCPT `smtputf8` tells it.
std::optional<Reply> parse_mail_argument(std::string_view argument, MailCommand* out,
                                         const Offered& offered = {});
std::optional<Reply> parse_rcpt_argument(std::string_view argument, RcptCommand* out,
                                         const Offered& offered = {}, bool smtputf8 = false);

}  // namespace essaim::smtp
