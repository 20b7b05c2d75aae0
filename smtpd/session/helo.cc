// HELO and EHLO (RFC 5321 §4.1.1.1).
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_helo(const smtp::Command& command) {
  const bool extended = command.verb == smtp::Verb::kEhlo;
  if (!smtp::is_helo_name(command.argument)) {
    return respond(reply(501, "5.5.4", extended ? "Syntax: EHLO hostname" : "Syntax: HELO hostname"));
  }
  // RFC 5321 §4.1.4: a later greeting clears what there was, as RSET does.
  end_transaction();
  client_.helo = command.argument;
  client_.esmtp = extended;
  if (!extended) return respond(reply(250, "", settings_.hostname));
  std::string text = settings_.hostname + "\nPIPELINING\nSIZE " + std::to_string(limits_.max_message_octets) +
                     "\n8BITMIME\nENHANCEDSTATUSCODES";
  // RFC 3207 §4.2: not offered again under TLS.
  if (tls_available_ && !client_.tls) text += "\nSTARTTLS";
  respond(reply(250, "", std::move(text)));
}

}  // namespace essaim::smtpd
