// The commands that change little: RSET, NOOP, QUIT, VRFY, EXPN, HELP (RFC 5321 §4.1.1.5 to
// §4.1.1.10) and ETRN (RFC 1985).
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_rset(std::string_view argument) {
  if (!argument.empty()) return respond(reply(501, "5.5.4", "Syntax: RSET"));
  end_transaction();
  chunks_refused_ = false;
  respond(reply(250, "2.0.0", "OK"));
  close_if_shutting_down();
}

void ServerSession::do_noop() {
  respond(reply(250, "2.0.0", "OK"));
}

void ServerSession::do_quit(std::string_view argument) {
  if (!argument.empty()) return respond(reply(501, "5.5.4", "Syntax: QUIT"));
  respond(reply(221, "2.0.0", "Bye"));
  enter(Phase::kClosed);
}

void ServerSession::do_vrfy(std::string_view argument) {
  if (argument.empty()) return respond(reply(501, "5.5.4", "Syntax: VRFY address"));
  // RFC 5321 §7.3: says nothing about who exists.
  respond(reply(252, "2.5.0", "Cannot verify, but will take mail and try"));
}

void ServerSession::do_expn() {
  respond(reply(502, "5.5.1", "EXPN is not available"));
}

void ServerSession::do_etrn(std::string_view argument) {
  if (argument.empty()) return respond(reply(501, "5.5.4", "Syntax: ETRN domain"));
  // RFC 1985 §5.2 has 458 and 459 for a server that keeps queues for others; we keep none, and announce none.
  respond(reply(502, "5.5.1", "ETRN is not available, no mail is queued here for other hosts"));
}

void ServerSession::do_help() {
  std::string commands = "Commands: EHLO HELO MAIL RCPT DATA";
  if (settings_.extensions.chunking) commands += " BDAT";
  commands += " RSET NOOP QUIT VRFY HELP";
  if (tls_available_ && !client_.tls) commands += " STARTTLS";
  if (settings_.login.required) commands += " AUTH";
  respond(reply(214, "2.0.0", commands + "\nSee RFC 5321; people: write to postmaster at this host"));
}

}  // namespace essaim::smtpd
