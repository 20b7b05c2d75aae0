// STARTTLS (RFC 3207).
#include "core/base/counters.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_starttls(std::string_view argument) {
  if (client_.tls) return respond(bad_sequence("TLS is active already"));
  if (!tls_available_) return respond(reply(502, "5.5.1", "STARTTLS is not available"));
  if (!argument.empty()) return respond(reply(501, "5.5.4", "Syntax: STARTTLS"));
  if (cut_early_talk(settings_.early_talk.cut_behind_starttls)) return;
  respond(reply(220, "2.0.0", "Ready to start TLS"));
  // Nothing said in clear counts under TLS (RFC 3207 §4.2): what somebody between may have put behind the
  // command is dropped (CVE-2011-0411), greeting and transaction are forgotten.
  if (input_.size() > 0) actions_.on_incident("octets-behind-starttls", std::to_string(input_.size()));
  input_.clear();
  end_transaction();
  chunks_refused_ = false;
  client_.helo.clear();
  client_.esmtp = false;
  client_.login.reset();
  enter(Phase::kAwaitTls);
  actions_.start_tls();
}

void ServerSession::on_tls_established(TlsSession tls) {
  if (phase_ != Phase::kAwaitTls) return;
  tls_ = std::move(tls);
  count(Counter::kTlsIn);
  client_.tls = true;
  client_.tls_version = tls_.version;
  client_.tls_cipher = tls_.cipher;
  if (settings_.login.implicit_tls) return greet();
  enter(Phase::kCommand);
  close_if_shutting_down();
}

}  // namespace essaim::smtpd
