// The replies of a transaction, and what they mean for its recipients.
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "delivery/client/client_session.h"
#include "delivery/client/recipient_limits.h"
#include "delivery/client/troubled_hosts.h"

namespace essaim::delivery {
namespace {

constexpr int kBeforeMore = 10;  // transactions

}  // namespace

void ClientSession::on_rset(const smtp::Reply& reply) {
  if (reply.code == 421) return end(reply, true, false);
  if (!reply.positive()) return on_unexpected(reply, "RSET");
  after_envelope_reply();
}

void ClientSession::on_mail(smtp::Reply reply) {
  if (lost_the_chain(reply)) return;
  current_.chained = false;
  if (reply.intermediate()) return on_unexpected(reply, "MAIL");
  if (reply.positive()) {
    current_.mail_accepted = true;
  } else {
    conclude_open(&current_, Stage::kMail, reply, true, done_ > 0);
    if (reply.code == 421) return end(reply, true, false);
  }
  after_envelope_reply();
}

void ClientSession::on_rcpt(smtp::Reply reply) {
  while (current_.recipients[current_.next_reply] == Exchange::Recipient::kSkipped) ++current_.next_reply;
  const std::size_t position = current_.next_reply++;
  if (reply.intermediate()) return on_unexpected(reply, "RCPT");
  const int code = reply.code;
  const smtp::Reply last = code == 421 ? reply : smtp::Reply{};
  if (current_.recipients[position] == Exchange::Recipient::kOpen) {
    look_at_limit(reply);
    if (reply.positive()) {
      current_.recipients[position] = Exchange::Recipient::kAccepted;
      ++current_.accepted;
    } else {
      Outcome outcome;
      outcome.stage = Stage::kRcpt;
      outcome.reply = std::move(reply);
      outcome.reply_from_peer = true;
      outcome.kind = outcome_kind(judge({.stage = Stage::kRcpt,
                                         .reply = &outcome.reply,
                                         .from_peer = true,
                                         .progress = current_.accepted > 0}));
      conclude(&current_, position, &outcome);
    }
  }
  if (code == 421) return end(last, true, false);
  after_envelope_reply();
}

// Where one is accepted behind another that was too many, it is no count: some hosts take those of one region in a transaction
// ("452 4.5.3 Recipients belong to multiple regions").
void ClientSession::look_at_limit(const smtp::Reply& reply) {
  if (current_.told_no_count) return;
  if (current_.told_limit > 0 && reply.positive()) {
    current_.told_limit = 0;
    current_.told_no_count = true;
  } else if (current_.told_limit == 0 && says_too_many_recipients(reply)) {
    current_.told_limit = current_.accepted;
  }
}

// Those who were accepted are fewer than were given, so each time it has to be learned the limit is smaller.
void ClientSession::keep_to_limit() {
  if (current_.told_limit == 0) return;
  learned_limit_ = learned_limit_ == 0 ? current_.told_limit : std::min(learned_limit_, current_.told_limit);
  within_limit_ = 0;
}

// The host ended the connection over it.
void ClientSession::remember_limit() {
  if (current_.told_limit == 0 || !settings_.recipient_limits) return;
  settings_.recipient_limits->learn(peer_, current_.told_limit, now_);
  current_.progress = true;
}

// It may have been no limit (all behind the first one were of another region). To try costs nothing where the host goes on.
void ClientSession::try_more_than_limit() {
  if (learned_limit_ == 0 || limit_is_firm_ || current_.told_limit > 0 ||
      current_.recipients.size() < learned_limit_ || ++within_limit_ < kBeforeMore)
    return;
  learned_limit_ *= 2;
  within_limit_ = 0;
}

void ClientSession::on_data(smtp::Reply reply) {
  if (current_.accepted == 0) {
    if (reply.intermediate())
      say_ = Say::kEmptyBody;
    else if (reply.code == 421)
      end(reply, true, false);
    else
      finish_transaction();
    return;
  }
  if (reply.intermediate()) {
    say_ = Say::kBody;
    return;
  }
  if (reply.positive()) return on_unexpected(reply, "DATA");
  conclude_open(&current_, Stage::kData, reply, true, done_ > 0);
  if (reply.code == 421) return end(reply, true, false);
  finish_transaction();
}

void ClientSession::on_empty_dot(const smtp::Reply& reply) {
  if (reply.code == 421) return end(reply, true, false);
  current_.mail_accepted = false;  // the dot ended the transaction of the server
  finish_transaction();
}

void ClientSession::on_final_dot(smtp::Reply reply) {
  const bool early = state_ == SessionState::kBody;  // the server has not seen the final dot
  if (lost_the_chain(reply)) return;
  if (reply.intermediate() || (early && reply.positive())) return on_unexpected(reply, "the message");
  if (reply.positive()) {
    conclude_accepted(std::move(reply));
  } else {
    conclude_open(&current_, Stage::kFinalDot, reply, true, done_ > 0);
    // Refused in the middle of the message (too big, as a rule): its rest would be taken for commands.
    if (reply.code == 421 || early) return end(reply, true, false);
  }
  current_.mail_accepted = false;
  finish_transaction();
}

void ClientSession::on_chunk(smtp::Reply reply) {
  const bool early = state_ == SessionState::kBody;  // the server has not got all of the chunk
  if (reply.intermediate() || (early && reply.positive())) return on_unexpected(reply, "BDAT");
  if (reply.positive()) {
    conclude_accepted(std::move(reply));
    current_.mail_accepted = false;
    return finish_transaction();
  }
  if (current_.accepted > 0) {
    const bool unknown = says_unknown_command(reply);
    if (unknown) {
      chunking_ = false;
      current_.progress = true;
      settings_.chunking->add(peer_, now_);
    }
    conclude_open(&current_, unknown ? Stage::kData : Stage::kFinalDot, reply, true, done_ > 0, true);
    // What does not know BDAT has taken the message for commands, and nobody can tell where it is now.
    if (unknown) return end(reply, true, false);
  }
  if (reply.code == 421 || early) return end(reply, true, false);
  finish_transaction();
  needs_rset_ = true;  // RFC 3030 §2: the state behind a refused chunk is anybody's guess
}

// The message was taken, by those of whom RCPT was.
void ClientSession::conclude_accepted(smtp::Reply reply) {
  took_mail_ = true;
  try_more_than_limit();
  Outcome outcome;
  outcome.kind = Outcome::Kind::kDelivered;
  outcome.stage = Stage::kFinalDot;
  outcome.reply = std::move(reply);
  outcome.reply_from_peer = true;
  outcome.dsn_passed_on = capabilities_.dsn;
  conclude_all(&current_, false, &outcome);
}

// Nothing is outstanding: the next command, or the end of a transaction of which nobody is left.
void ClientSession::after_envelope_reply() {
  if (awaiting()) return;
  if (current_.open == 0)
    finish_transaction();
  else
    say_ = Say::kEnvelope;
}

void ClientSession::finish_transaction() {
  ESSAIM_CHECK(current_.open == 0);
  needs_rset_ = current_.mail_accepted;
  keep_to_limit();
  ++done_;
  sending_ = {};
  current_.clear();
  if (chained_.active) {
    std::swap(current_, chained_);
    enter(SessionState::kEnvelope);
  } else {
    enter(SessionState::kIdle);
    say_ = Say::kTransaction;
  }
}

void ClientSession::on_unexpected(const smtp::Reply& reply, const char* command) {
  end(own_reply("4.5.0",
                "unexpected reply " + std::to_string(reply.code) + " of " + peer_ + " to " + command),
      false, false);
}

void ClientSession::conclude(Exchange* exchange, std::size_t position, Outcome* outcome) {
  auto& recipient = exchange->recipients[position];
  ESSAIM_CHECK(recipient == Exchange::Recipient::kOpen || recipient == Exchange::Recipient::kAccepted);
  if (recipient == Exchange::Recipient::kAccepted) --exchange->accepted;
  recipient = Exchange::Recipient::kConcluded;
  --exchange->open;
  if (outcome->kind != Outcome::Kind::kReturned) exchange->progress = true;
  concluded_.assign(1, exchange->transaction.indices[position]);
  tell(*exchange, outcome);
}

// The accepted ones, or all that are not concluded, at once: what it costs to record an outcome is then paid
// once for a transaction.
void ClientSession::conclude_all(Exchange* exchange, bool also_open, Outcome* outcome) {
  concluded_.clear();
  for (std::size_t i = 0; i < exchange->recipients.size(); ++i) {
    auto& recipient = exchange->recipients[i];
    if (recipient != Exchange::Recipient::kAccepted &&
        !(also_open && recipient == Exchange::Recipient::kOpen))
      continue;
    if (recipient == Exchange::Recipient::kAccepted) --exchange->accepted;
    recipient = Exchange::Recipient::kConcluded;
    --exchange->open;
    concluded_.push_back(exchange->transaction.indices[i]);
  }
  if (concluded_.empty()) return;
  if (outcome->kind != Outcome::Kind::kReturned) exchange->progress = true;
  tell(*exchange, outcome);
}

void ClientSession::tell(const Exchange& exchange, Outcome* outcome) {
  outcome->about_message = outcome->kind == Outcome::Kind::kFailed &&
                           says_message(outcome->stage, outcome->reply, concluded_.size());
  output_->on_outcome(exchange.transaction, *outcome, concluded_);
}

// All of whom nothing was told yet.
void ClientSession::conclude_open(Exchange* exchange, Stage stage, const smtp::Reply& reply, bool from_peer,
                                  bool progress, bool bdat) {
  if (exchange->open == 0) return;
  Outcome outcome;
  outcome.stage = stage;
  outcome.reply = reply;
  outcome.reply_from_peer = from_peer;
  outcome.kind = outcome_kind(
      judge({.stage = stage, .reply = &reply, .from_peer = from_peer, .progress = progress, .bdat = bdat}));
  conclude_all(exchange, true, &outcome);
}

// One that has taken mail on this connection is well: then it is the message, or passes.
Verdict ClientSession::judge(Trouble trouble) {
  trouble.more_candidates = !took_mail_ && output_->more_hosts();
  const Verdict verdict = decide(trouble);
  if (verdict == Verdict::kNextCandidate && !leaves_for_)
    leaves_for_ = End{.ready = true,
                      .next_host = true,
                      .stage = trouble.stage,
                      .reply = *trouble.reply,
                      .from_peer = trouble.from_peer};
  return verdict;
}

// The connection is gone.
void ClientSession::conclude_lost(const smtp::Reply& reply, bool from_peer, bool timed_out) {
  Stage stage = Stage::kLost;
  // "421" to a part of the envelope behind which the chunk went out: it was not taken (RFC 5321 §3.8).
  const bool sent_away = from_peer && reply.code == 421 && awaiting() && current_.chunked;
  if (!sent_away && (state_ == SessionState::kBody || state_ == SessionState::kFinalDot)) {
    // The dot may have arrived: nobody knows (RFC 1047).
    stage = Stage::kFinalDot;
  } else if (timed_out && awaiting()) {
    // A server that hangs at a command would hang again at once.
    if (awaits_[first_] == Await::kMail) stage = Stage::kMail;
    if (awaits_[first_] == Await::kRcpt) stage = Stage::kRcpt;
    if (awaits_[first_] == Await::kData) stage = Stage::kData;
  }
  if (from_peer) remember_limit();
  // Whoever falls silent or hangs up over a final dot with an envelope behind it may do so because of that: the
  // message would come again and again. The next time it comes without.
  if (!from_peer && (chained_.active || current_.chained)) refuse_chain();
  if (current_.chained) stage = Stage::kLost;
  conclude_open(&current_, stage, reply, from_peer, done_ > 0 || current_.progress);
  conclude_open(&chained_, Stage::kLost, reply, from_peer, true);
}

void ClientSession::refuse_chain() {
  current_.progress = true;
  if (settings_.chain_refusals) settings_.chain_refusals->add(peer_, now_);
}

// A server that lost some of the envelope behind the dot answers the rest of it with "bad sequence" or "no such
// command", and one that takes offence says so in answer to the dot. That is no word on anybody's mail: all that
// is under way goes out on another connection, one after the other.
bool ClientSession::lost_the_chain(const smtp::Reply& reply) {
  if (!(current_.chained || chained_.active)) return false;
  const bool out_of_step = reply.code >= 500 && reply.code <= 503;
  if (!out_of_step && !(reply.permanent() && reply.enhanced.subject == 5)) return false;
  refuse_chain();
  const smtp::Reply why =
      own_reply("4.5.0", peer_ + " lost what followed the final dot (" + reply.to_string() + ")");
  conclude_open(&current_, Stage::kLost, why, false, true);
  conclude_open(&chained_, Stage::kLost, why, false, true);
  finish(End{.ready = true, .reply = why});
  return true;
}

// Recipients whose turn did not come. They were given together with those of the last transaction, so its
// progress is theirs.
void ClientSession::conclude_rest(const End& end) {
  const smtp::Reply reply = end.reply.code != 0 ? end.reply : smtp::reply(451, "4.4.2", end.reply.text);
  Outcome outcome;
  outcome.stage = Stage::kLost;
  outcome.reply = reply;
  outcome.reply_from_peer = end.from_peer && end.reply.code != 0;
  outcome.kind = outcome_kind(judge({.stage = Stage::kLost,
                                     .reply = &reply,
                                     .from_peer = outcome.reply_from_peer,
                                     .progress = done_ > 0 || current_.progress}));
  const Transaction rest = std::exchange(rest_, {});
  output_->on_outcome(rest, outcome, rest.indices);
}

}  // namespace essaim::delivery
