// The commands of a transaction: RSET, MAIL, RCPT, DATA and the message.
#include "delivery/client/client_session.h"
#include "delivery/mailbox_text.h"

namespace essaim::delivery {
namespace {

// "2,345"
std::string grouped(std::size_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

}  // namespace

bool ClientSession::may_start() const {
  return !closing_ &&
         (settings_.transactions_per_connection <= 0 || started_ < settings_.transactions_per_connection);
}

void ClientSession::begin_transaction() {
  while (may_start()) {
    if (!take_next(&current_)) return;
    if (current_.active) {
      enter(SessionState::kEnvelope);
      say_envelope(&current_);
      return;
    }
  }
  quit(closing_ ? "closed by us" : "limit of transactions reached");
}

// False: there is nothing. True with an inactive exchange: all its recipients were concluded here.
bool ClientSession::take_next(Exchange* exchange) {
  if (!output_->next(&exchange->transaction)) {
    exchange->clear();
    return false;
  }
  const smtp::Reply trouble = exchange->prepare(minter_, capabilities_, peer_);
  if (trouble.code != 0) {
    conclude_open(exchange, Stage::kMail, trouble, false, true);
  } else {
    for (std::size_t i = 0; i < exchange->recipients.size(); ++i) {
      const auto& recipient = exchange->recipient(i);
      address_.clear();
      if (append_mailbox(recipient.local, recipient.domain, &address_)) continue;
      Outcome outcome;
      outcome.stage = Stage::kRcpt;
      outcome.reply = smtp::reply(501, "5.1.3", "the address cannot be sent by SMTP");
      outcome.kind = outcome_kind(decide(Trouble{.stage = Stage::kRcpt, .reply = &outcome.reply}));
      conclude(exchange, i, &outcome);
      exchange->recipients[i] = Exchange::Recipient::kSkipped;
    }
  }
  if (exchange->open == 0) {
    exchange->clear();
    return true;
  }
  ++started_;
  return true;
}

// With PIPELINING the whole envelope; else the next command of it.
void ClientSession::say_envelope(Exchange* exchange) {
  const bool all = capabilities_.pipelining;
  if (needs_rset_) {
    needs_rset_ = false;
    command("RSET", Await::kRset);
    if (!all) return;
  }
  do {
    switch (exchange->step) {
      case Exchange::Step::kMail:
        append_mail(*exchange);
        exchange->step = exchange->seek_to_send() ? Exchange::Step::kRcpt : Exchange::Step::kData;
        break;
      case Exchange::Step::kRcpt:
        append_rcpt(*exchange);
        ++exchange->next_to_send;
        if (!exchange->seek_to_send()) exchange->step = Exchange::Step::kData;
        break;
      case Exchange::Step::kData:
        command("DATA", Await::kData);
        exchange->step = Exchange::Step::kAllSent;
        break;
      case Exchange::Step::kAllSent:
        break;
    }
  } while (all && exchange->step != Exchange::Step::kAllSent);
}

// Commands are built in place, in the buffer of the turn.
void ClientSession::append_mail(const Exchange& exchange) {
  const std::size_t begin = out_.size();
  out_.append("MAIL FROM:<").append(exchange.sender).append(1, '>');
  if (capabilities_.size) out_.append(" SIZE=").append(std::to_string(exchange.size));
  // Tolerated: a server without 8BITMIME gets the octets as they are; nearly all pass them on.
  if (exchange.post().post.eight_bit && capabilities_.eight_bit) out_.append(" BODY=8BITMIME");
  end_command(begin, Await::kMail);
}

void ClientSession::append_rcpt(const Exchange& exchange) {
  const std::size_t begin = out_.size();
  const auto& recipient = exchange.recipient(exchange.next_to_send);
  out_.append("RCPT TO:<");
  append_mailbox(recipient.local, recipient.domain, &out_);
  out_.append(1, '>');
  end_command(begin, Await::kRcpt);
}

void ClientSession::end_command(std::size_t begin, Await await) {
  if (trace_) output_->trace('C', std::string_view(out_).substr(begin));
  out_.append("\r\n");
  queue(await);
}

void ClientSession::say_body() {
  const SharedBytes& wire = current_.post().wire;
  if (trace_) {
    output_->trace('C', "(" + grouped(current_.block.size() + wire->size() - 3) + " octets)");
    output_->trace('C', ".");
  }
  if (!current_.block.empty()) output_->write(current_.block);
  output_->write_shared(wire);
  queue(Await::kFinalDot);
  enter(SessionState::kBody);
  if (settings_.chain_transactions && capabilities_.pipelining && may_start() && take_next(&chained_) &&
      chained_.active)
    say_envelope(&chained_);
}

}  // namespace essaim::delivery
