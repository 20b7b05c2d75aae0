#include "delivery/client/client_session.h"

#include <utility>

#include "core/base/check.h"
#include "core/base/crash_point.h"
#include "delivery/client/troubled_hosts.h"

namespace essaim::delivery {

ClientSession::ClientSession(const CourierSettings& settings, const TokenMinter& minter, std::string peer,
                             bool tls, Output* output, TlsTerms terms)
    : settings_(settings),
      minter_(minter),
      peer_(std::move(peer)),
      output_(output),
      want_tls_(tls),
      terms_(std::move(terms)) {}

// Some of the message has gone, or its reply is here.
void ClientSession::note_sending() {
  if (state_ == SessionState::kBody) sending_ += now_ - std::exchange(waits_since_, now_);
}

void ClientSession::enter(SessionState state) {
  state_ = state;
  waits_since_ = now_;
  // A chunk goes out together with its envelope, whose replies come first and have their own time.
  const bool envelope = state == SessionState::kFinalDot && awaiting() &&
                        awaits_[first_] != Await::kFinalDot && awaits_[first_] != Await::kChunk;
  const auto timeout = row_of(envelope ? SessionState::kEnvelope : state).timeout;
  if (timeout)
    deadline_ = now_ + settings_.*timeout;
  else
    deadline_.reset();
}

smtp::Reply ClientSession::own_reply(std::string_view enhanced, const std::string& what) const {
  return smtp::reply(451, enhanced, what + " while " + row_of(state_).words);
}

// ---- inputs ----

void ClientSession::on_connected(MonoTime now) {
  if (state_ == SessionState::kDone) return;
  now_ = now;
  queue(Await::kGreeting);
  enter(SessionState::kGreeting);
}

void ClientSession::on_bytes(std::string_view bytes, MonoTime now) {
  now_ = now;
  while (state_ != SessionState::kDone && !bytes.empty()) {
    switch (reader_.feed(&bytes)) {
      case smtp::ReplyReader::Status::kNeedMore:
        break;
      case smtp::ReplyReader::Status::kReply:
        on_reply(reader_.take());
        break;
      case smtp::ReplyReader::Status::kError:
        if (trace_) output_->trace('S', "(" + reader_.error().message + ")");
        end(own_reply("4.4.2", "gave up on " + peer_ + ": " + reader_.error().message), false, false);
        return;
    }
  }
  speak();
}

void ClientSession::on_tls_established(MonoTime now) {
  if (state_ != SessionState::kHandshake) return;
  now_ = now;
  want_tls_ = false;
  tls_active_ = true;
  // RFC 3207 §4.2: nothing that was learned in clear counts any more.
  capabilities_ = {};
  say_ = Say::kEhlo;
  speak();
}

void ClientSession::on_write_progress(MonoTime now) {
  now_ = now;
  note_sending();
  if (state_ == SessionState::kBody) enter(SessionState::kBody);
}

void ClientSession::on_drained(MonoTime now) {
  now_ = now;
  if (state_ != SessionState::kBody) return;
  note_sending();
  // All of the message is the kernel's, and its reply has not been read: what a kill here leaves comes again.
  ESSAIM_CRASH_POINT("dot.sent");
  enter(SessionState::kFinalDot);
}

void ClientSession::on_closed(const Error& reason, bool during_tls, MonoTime now) {
  if (state_ == SessionState::kDone) return;
  now_ = now;
  if (state_ == SessionState::kIdle) {
    finish(End{.ready = true, .reply = {0, {}, "closed by the peer while idle"}});
    return;
  }
  if (during_tls || state_ == SessionState::kHandshake) {
    fail_handshake("failed: " + reason.message, reason.code != ErrorCode::kInvalid);
    return;
  }
  remember_limit();
  const std::string why = reason.code == ErrorCode::kCancelled ? "" : " (" + reason.message + ")";
  end(own_reply("4.4.2", "lost connection with " + peer_ + why), false, false);
}

void ClientSession::on_timer(MonoTime now) {
  now_ = now;
  if (!deadline_ || now < *deadline_) return;
  if (state_ == SessionState::kIdle) {
    quit("idle");
  } else if (state_ == SessionState::kHandshake) {
    fail_handshake("timed out", true);
  } else {
    end(own_reply("4.4.2", "conversation with " + peer_ + " timed out"), false, true);
  }
}

bool ClientSession::before_message() const {
  switch (state_) {
    case SessionState::kGreeting:
    case SessionState::kEhlo:
    case SessionState::kHelo:
    case SessionState::kStartTls:
    case SessionState::kHandshake:
    case SessionState::kEnvelope:
      return true;
    case SessionState::kIdle:
    case SessionState::kBody:
    case SessionState::kFinalDot:
    case SessionState::kDone:
      return false;
  }
  return false;
}

void ClientSession::give_up(MonoTime now) {
  ESSAIM_CHECK(before_message());
  now_ = now;
  if (state_ == SessionState::kHandshake) {
    fail_handshake("was given up, for its place was needed", true);
  } else {
    end(own_reply("4.4.2", "conversation with " + peer_ + " was given up, for its place was needed,"), false,
        true);
  }
}

void ClientSession::wake(MonoTime now) {
  if (state_ != SessionState::kIdle) return;
  now_ = now;
  say_ = Say::kTransaction;
  speak();
}

void ClientSession::close(MonoTime now) {
  if (state_ == SessionState::kDone || closing_) return;
  now_ = now;
  closing_ = true;
  if (!ready_) {
    finish(End{.stage = early_stage(), .reply = {0, {}, "closed by us"}});
  } else if (state_ == SessionState::kIdle) {
    say_ = Say::kTransaction;
    speak();
  }
}

// ---- turns ----

void ClientSession::command(std::string_view line, Await await) {
  if (trace_) output_->trace('C', line);
  out_.append(line);
  out_.append("\r\n");
  queue(await);
}

void ClientSession::flush() {
  if (out_.empty()) return;
  output_->write(out_);
  out_.clear();
}

void ClientSession::on_reply(smtp::Reply reply) {
  if (trace_) {
    const std::string wire = reply.to_wire();
    for (std::size_t begin = 0; begin < wire.size();) {
      const std::size_t line_end = wire.find("\r\n", begin);
      output_->trace('S', std::string_view(wire).substr(begin, line_end - begin));
      begin = line_end + 2;
    }
  }
  if (!awaiting()) {
    on_out_of_turn(reply);
    return;
  }
  const Await what = awaits_[first_++];
  if (!awaiting()) {
    awaits_.clear();
    first_ = 0;
  }
  if (deadline_ && state_ != SessionState::kBody) enter(state_);  // each reply has its own time
  note_sending();
  switch (what) {
    case Await::kGreeting:
      return on_greeting(reply);
    case Await::kEhlo:
      return on_ehlo(reply, false);
    case Await::kHelo:
      return on_ehlo(reply, true);
    case Await::kStartTls:
      return on_starttls(reply);
    case Await::kRset:
      return on_rset(reply);
    case Await::kMail:
      return on_mail(std::move(reply));
    case Await::kRcpt:
      return on_rcpt(std::move(reply));
    case Await::kData:
      return on_data(std::move(reply));
    case Await::kEmptyDot:
      return on_empty_dot(reply);
    case Await::kFinalDot:
      return on_final_dot(std::move(reply));
    case Await::kChunk:
      return on_chunk(std::move(reply));
  }
}

void ClientSession::on_out_of_turn(const smtp::Reply& reply) {
  if (state_ == SessionState::kIdle) {
    // "421 idle for too long" is how many servers say good-bye (RFC 5321 §3.8). Nothing is under way: no
    // harm.
    finish(End{.ready = true, .reply = {0, {}, "closed by the peer while idle: " + reply.to_string()}});
  } else if (reply.code == 421) {
    end(reply, true, false);
  } else {
    end(own_reply("4.4.2", peer_ + " spoke out of turn (" + std::to_string(reply.code) + ")"), false, false);
  }
}

void ClientSession::speak() {
  if (state_ == SessionState::kDone || say_ == Say::kNothing || awaiting()) return;
  if (!reader_.idle()) {
    // The beginning of a reply to nothing. Behind the 220 of STARTTLS it would be an injection; elsewhere its
    // end tells what it is (often "421").
    if (state_ == SessionState::kStartTls)
      fail_early(Stage::kTls, own_reply("4.7.0", peer_ + " spoke out of turn"), false);
    return;
  }
  switch (std::exchange(say_, Say::kNothing)) {
    case Say::kNothing:
      return;
    case Say::kEhlo:
      command("EHLO " + settings_.helo, Await::kEhlo);
      enter(SessionState::kEhlo);
      break;
    case Say::kHelo:
      command("HELO " + settings_.helo, Await::kHelo);
      enter(SessionState::kHelo);
      break;
    case Say::kStartTls:
      // What follows the server's 220 is the handshake.
      if (state_ == SessionState::kStartTls) {
        enter(SessionState::kHandshake);
        output_->start_tls();
        return;
      }
      command("STARTTLS", Await::kStartTls);
      enter(SessionState::kStartTls);
      break;
    case Say::kTransaction:
      begin_transaction();
      break;
    case Say::kEnvelope:
      // Also before a chunk, which goes without waiting for a 354.
      if (!stopped_before_message()) say_envelope(&current_);
      break;
    case Say::kBody:
      if (!stopped_before_message()) say_body();
      break;
    case Say::kEmptyBody:
      // RFC 2920 §3.1: 354 though no recipient was accepted. The message is empty and its fate is of no
      // interest.
      if (trace_) output_->trace('C', ".");
      out_ += ".\r\n";
      queue(Await::kEmptyDot);
      enter(SessionState::kEnvelope);
      break;
  }
  if (state_ != SessionState::kDone) flush();
}

// ---- the end ----

void ClientSession::quit(std::string why) {
  if (trace_) output_->trace('C', "QUIT");
  out_ += "QUIT\r\n";
  flush();
  // The reply is not waited for: nothing hangs on it.
  finish(End{.ready = true, .orderly = true, .reply = {0, {}, std::move(why)}});
}

void ClientSession::end(const smtp::Reply& reply, bool from_peer, bool timed_out) {
  if (!ready_) {
    fail_early(early_stage(), reply, from_peer);
    return;
  }
  if (state_ == SessionState::kIdle) {
    finish(End{.ready = true, .reply = {0, {}, reply.to_string()}});
    return;
  }
  conclude_lost(reply, from_peer, timed_out);
  finish(End{.ready = true, .reply = reply, .from_peer = from_peer});
}

void ClientSession::finish(End result) {
  ESSAIM_CHECK(state_ != SessionState::kDone);
  ESSAIM_CHECK(current_.open == 0 && chained_.open == 0);
  if (rest_.batch) conclude_rest(result);
  if (leaves_for_) {
    const bool orderly = result.orderly;
    result = *leaves_for_;
    result.orderly = orderly;
  }
  enter(SessionState::kDone);
  say_ = Say::kNothing;
  output_->on_done(result);
}

}  // namespace essaim::delivery
