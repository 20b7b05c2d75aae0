// RCPT (RFC 5321 §4.1.1.3): one recipient, decided outside.
#include "core/base/counters.h"
#include "core/smtp/path.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_rcpt(std::string_view argument) {
  if (!transaction_) return respond(bad_sequence("send MAIL first"));
  if (content_) return respond(bad_sequence("the message has begun, its recipients are fixed"));
  if (++transaction_->rcpt_commands > limits_.max_rcpt_commands) {
    return cut(reply(421, "4.7.0", "Too many recipients in one transaction"));
  }
  smtp::RcptCommand rcpt;
  const auto refused = smtp::parse_rcpt_argument(argument, &rcpt, offered(), transaction_->info.smtputf8);
  if (refused) return respond(*refused);
  if (transaction_->accepted.contains(rcpt.forward_path.to_string())) {
    return respond(reply(250, "2.1.5", "Recipient OK, named before"));
  }
  if (transaction_->recipients.size() >= limits_.max_recipients) {
    // RFC 5321 §4.5.3.1.10: the client sends the others in another transaction. Not worth a log line each.
    return send_reply(reply(452, "4.5.3", "Too many recipients, send the others in another transaction"));
  }
  if (transaction_->most_together > 0 && transaction_->recipients.size() >= transaction_->most_together) {
    // As above. It is said before anything counts this one, who comes again.
    count(Counter::kLimitedRecipients);
    return send_reply(reply(452, "4.5.3",
                            "The message is too large for so many recipients, send it to the others in "
                            "another transaction"));
  }
  if (const auto too_many = actions_.admit_recipient()) return respond(*too_many, &rcpt.forward_path);
  asked_recipient_ = std::move(rcpt.forward_path);
  asked_dsn_ = std::move(rcpt.parameters.dsn);
  ++ticket_;
  enter(Phase::kAwaitRecipient);
  actions_.ask_recipient(ticket_, transaction_->info, asked_recipient_);
}

void ServerSession::on_recipient_answer(Ticket ticket, RecipientAnswer answer) {
  if (phase_ != Phase::kAwaitRecipient || ticket != ticket_) return;
  enter(Phase::kCommand);
  const auto& declared = transaction_->info.declared_size;
  if (answer.reply.positive() && answer.max_size > 0 && declared.value_or(0) > answer.max_size) {
    answer.reply = reply(552, "5.3.4",
                         "Message larger than the " + std::to_string(answer.max_size) + " octets that " +
                             asked_recipient_.to_string() + " takes");
  }
  if (answer.reply.positive() && answer.elsewhere &&
      ++transaction_->elsewhere > settings_.login.max_relay_recipients) {
    answer.reply =
        reply(452, "4.5.3", "Too many recipients elsewhere, send the others in another transaction");
  }
  if (answer.reply.positive()) {
    transaction_->most_together = answer.most_together;
    transaction_->accepted.insert(asked_recipient_.to_string());
    transaction_->recipients.push_back({asked_recipient_, std::move(answer.target), std::move(asked_dsn_)});
    chunks_refused_ = false;
  }
  respond(answer.reply, &asked_recipient_);
  process();
}

}  // namespace essaim::smtpd
