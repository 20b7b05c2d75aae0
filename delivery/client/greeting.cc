// From the greeting to the first transaction: EHLO or HELO, and STARTTLS between them.
#include "delivery/client/client_session.h"
#include "delivery/client/recipient_limits.h"
#include "delivery/client/troubled_hosts.h"

namespace essaim::delivery {

Stage ClientSession::early_stage() const {
  switch (state_) {
    case SessionState::kGreeting:
      return Stage::kBanner;
    case SessionState::kStartTls:
    case SessionState::kHandshake:
      return Stage::kTls;
    default:
      return Stage::kEhlo;
  }
}

void ClientSession::fail_early(Stage stage, const smtp::Reply& reply, bool from_peer) {
  finish(End{.stage = stage, .reply = reply, .from_peer = from_peer});
}

void ClientSession::fail_handshake(const std::string& how, bool lost) {
  finish(End{.retry_in_clear = terms_.required.empty(),
             .tls_lost = lost,
             .stage = Stage::kTls,
             .reply = own_reply("4.7.5", "TLS with " + peer_ + " " + how)});
}

void ClientSession::on_greeting(const smtp::Reply& reply) {
  // RFC 5321 §3.1: 220, or 554 when there is no service.
  if (!reply.positive()) return fail_early(Stage::kBanner, reply, true);
  say_ = Say::kEhlo;
}

// The host is not one for this mail, and knows nothing of it yet.
void ClientSession::say_unfit(Stage stage, const smtp::Reply& reply) {
  if (trace_) output_->trace('C', "QUIT");
  output_->write("QUIT\r\n");
  fail_early(stage, reply, false);
}

// With REQUIRETLS for good, else for a while: somebody may have taken the offer out.
void ClientSession::say_without_tls(const std::string& what) {
  const bool for_good = terms_.require_tls != RequireTls::kNo;
  say_unfit(Stage::kTls, smtp::reply(for_good ? 550 : 451, for_good ? "5.7.10" : "4.7.10",
                                     what + ", and TLS is required (" + terms_.required + ")"));
}

void ClientSession::on_ehlo(const smtp::Reply& reply, bool helo) {
  // RFC 5321 §4.1.1.1: a server that does not know EHLO is asked with HELO. 421 is not such an answer.
  if (!helo && reply.permanent()) {
    say_ = Say::kHelo;
    return;
  }
  if (!reply.positive()) return fail_early(Stage::kEhlo, reply, true);
  capabilities_ = helo ? Capabilities{} : parse_capabilities(reply.text);
  if (want_tls_ && capabilities_.starttls)
    say_ = Say::kStartTls;
  else if (!terms_.required.empty() && !tls_active_)
    say_without_tls(peer_ + " offers no STARTTLS");
  else if (terms_.require_tls == RequireTls::kAlways && !capabilities_.require_tls)
    say_unfit(Stage::kEhlo,
              smtp::reply(550, "5.7.30", peer_ + " does not offer REQUIRETLS, for which the message asks"));
  else
    become_ready();
}

void ClientSession::on_starttls(const smtp::Reply& reply) {
  if (reply.positive()) {
    say_ = Say::kStartTls;  // now the handshake, if nothing stands behind the reply
  } else if (reply.code == 421 || reply.intermediate()) {
    fail_early(Stage::kTls, reply, true);
  } else if (!terms_.required.empty()) {
    fail_early(Stage::kTls,
               smtp::reply(451, "4.7.10",
                           peer_ + " refused STARTTLS (" + reply.to_string() + "), and TLS is required (" +
                               terms_.required + ")"),
               false);
  } else {
    // TLS is opportunistic: a server that offers it and then has none today gets the mail in clear.
    want_tls_ = false;
    become_ready();
  }
}

void ClientSession::become_ready() {
  ready_ = true;
  chunking_ = capabilities_.chunking && settings_.chunking && !settings_.chunking->knows(peer_, now_);
  if (settings_.recipient_limits) learned_limit_ = settings_.recipient_limits->of(peer_, now_);
  limit_is_firm_ = learned_limit_ > 0;
  enter(SessionState::kIdle);
  say_ = Say::kTransaction;
  output_->on_ready();
}

}  // namespace essaim::delivery
