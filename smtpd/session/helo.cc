// HELO and EHLO (RFC 5321 §4.1.1.1).
#include <algorithm>

#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

namespace {

// RFC 9422 §4: numbers have at most six digits.
std::string limits_line(const SessionLimits& limits) {
  constexpr std::size_t kMost = 999'999;
  const std::size_t recipients = std::min(limits.max_recipients, limits.max_rcpt_commands);
  return "LIMITS MAILMAX=" + std::to_string(std::min(limits.max_transactions, kMost)) +
         " RCPTMAX=" + std::to_string(std::min(recipients, kMost));
}

}  // namespace

void ServerSession::do_helo(const smtp::Command& command) {
  const bool extended = command.verb == smtp::Verb::kEhlo;
  if (!smtp::is_helo_name(command.argument)) {
    return respond(reply(501, "5.5.4", extended ? "Syntax: EHLO hostname" : "Syntax: HELO hostname"));
  }
  // RFC 2920 §3.1: nobody may pipeline before our answer has announced it.
  if (client_.helo.empty() && cut_early_talk(settings_.early_talk.cut_behind_ehlo)) return;
  // RFC 5321 §4.1.4: a later greeting clears what there was, as RSET does.
  end_transaction();
  chunks_refused_ = false;
  client_.helo = command.argument;
  client_.esmtp = extended;
  if (!extended) return respond(reply(250, "", settings_.hostname));
  const SessionExtensions& extensions = settings_.extensions;
  std::string text =
      settings_.hostname + "\nPIPELINING\nSIZE " + std::to_string(limits_.max_message_octets) + "\n8BITMIME";
  if (extensions.smtputf8) text += "\nSMTPUTF8";
  if (extensions.chunking) text += "\nCHUNKING";
  if (extensions.dsn) text += "\nDSN";
  if (extensions.limits) text += "\n" + limits_line(limits_);
  if (offers_require_tls()) text += "\nREQUIRETLS";
  if (is_forwarder()) text += "\nXFORWARD NAME ADDR HELO SOURCE";
  text += "\nENHANCEDSTATUSCODES";
  // RFC 4954 §3: the line is not there when nothing can be chosen from it.
  if (const auto offered = mechanisms(); !offered.empty() && !client_.login) {
    text += "\nAUTH";
    for (const sasl::Mechanism one : offered) text += std::string(" ") + sasl::to_string(one);
  }
  // RFC 3207 §4.2: not offered again under TLS.
  if (tls_available_ && !client_.tls) text += "\nSTARTTLS";
  respond(reply(250, "", std::move(text)));
}

}  // namespace essaim::smtpd
