// DATA (RFC 5321 §4.1.1.4), the message behind it, and what becomes of it. A message that cannot be accepted
// is read to its end, without being kept, and refused there: only then does the client listen.
#include "core/base/check.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_data(std::string_view argument) {
  if (!transaction_) return respond(bad_sequence("send MAIL first"));
  if (!argument.empty()) return respond(reply(501, "5.5.4", "Syntax: DATA"));
  // RFC 5321 §3.3 allows 503 and 554; with pipelining (RFC 2920 §3.1) the second says better what happened.
  if (transaction_->recipients.empty()) return respond(reply(554, "5.5.1", "No valid recipients"));
  decoder_.emplace(settings_.bare_line_ends);
  content_ =
      std::make_unique<smtp::MessageBuffer>(budget_, settings_.spill_directory, settings_.spill_threshold);
  data_refusal_.reset();
  data_octets_ = message_octets_ = 0;
  send_reply(reply(354, "", "End data with <CR><LF>.<CR><LF>"));
  enter(Phase::kData);
}

// Gives how many octets belonged to the message.
std::size_t ServerSession::take_data(std::string_view bytes) {
  const std::size_t used = decoder_->feed(bytes, this);
  data_octets_ += used;
  octets_since_deadline_ += used;
  if (octets_since_deadline_ >= limits_.data_block_octets) enter(Phase::kData);
  if (decoder_->spoiled() && !data_refusal_) refuse_data(*spoiled_data());
  if (decoder_->done()) {
    end_of_data();
  } else if (data_octets_ / 4 > limits_.max_message_octets + 65'536) {
    current_word_ = "end of DATA";
    cut(reply(552, "5.3.4", "Endless message"));
  }
  return used;
}

void ServerSession::on_message_data(std::string_view bytes) {
  message_octets_ += bytes.size();
  if (data_refusal_) return;
  if (message_octets_ > limits_.max_message_octets) {
    return refuse_data(
        reply(552, "5.3.4", "Message larger than " + std::to_string(limits_.max_message_octets) + " octets"));
  }
  if (const auto appended = content_->append(bytes); !appended.ok()) {
    actions_.on_incident("message-not-buffered", appended.error().message);
    refuse_data(reply(452, "4.3.1", "Insufficient system storage, try again later"));
  }
}

void ServerSession::refuse_data(smtp::Reply why) {
  data_refusal_ = std::move(why);
  content_->clear();
}

std::optional<smtp::Reply> ServerSession::spoiled_data() const {
  if (!decoder_->spoiled()) return std::nullopt;
  if (decoder_->nul()) return reply(554, "5.6.0", "Message holds a NUL octet");
  if (decoder_->long_line()) {
    return reply(554, "5.6.0",
                 "Message has a line of over " + std::to_string(smtp::DataDecoder::kMaxLine) + " octets");
  }
  return reply(554, "5.6.0", "Message holds a bare CR or LF; lines end with CRLF (RFC 5321 section 2.3.8)");
}

void ServerSession::end_of_data() {
  current_word_ = "end of DATA";
  actions_.trace('C', "<message of " + std::to_string(message_octets_) + " octets>");
  actions_.trace('C', ".");
  // Of several reasons the same is given wherever the segments ended.
  if (auto spoiled = spoiled_data()) data_refusal_ = std::move(spoiled);
  decoder_.reset();
  enter(Phase::kCommand);
  if (data_refusal_) {
    const smtp::Reply why = std::move(*data_refusal_);
    respond(why);
    end_transaction();
    return close_if_shutting_down();
  }
  auto message = std::make_unique<IncomingMessage>();
  message->transaction = transaction_->info;
  message->recipients = transaction_->recipients;
  message->content = std::move(content_);
  message->received = actions_.wall_now();
  ++ticket_;
  enter(Phase::kAwaitSubmit);
  actions_.submit(ticket_, std::move(message));
}

void ServerSession::on_submit_answer(Ticket ticket, smtp::Reply answer) {
  if (phase_ != Phase::kAwaitSubmit || ticket != ticket_) return;
  enter(Phase::kCommand);
  if (answer.positive()) {
    ++counts_.messages;
    counts_.octets += message_octets_;
    errors_ = 0;
    junk_ = 0;
    actions_.on_received(
        Reception{&transaction_->info, transaction_->recipients.size(), message_octets_, &answer});
  }
  respond(answer);
  end_transaction();
  close_if_shutting_down();
  process();
}

}  // namespace essaim::smtpd
