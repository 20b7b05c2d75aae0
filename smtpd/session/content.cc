// The message behind DATA or BDAT, and what becomes of it. A message that cannot be accepted is read to its
// end, or that of the chunk, without being kept, and refused there: only then does the client listen.
#include <algorithm>

#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::open_content(smtp::Framing framing) {
  decoder_.emplace(settings_.bare_line_ends, framing);
  content_ =
      std::make_unique<smtp::MessageBuffer>(budget_, settings_.spill_directory, settings_.spill_threshold);
  data_refusal_.reset();
  data_octets_ = message_octets_ = 0;
}

std::size_t ServerSession::take_content(std::string_view bytes) {
  return phase_ == Phase::kData ? take_data(bytes) : take_chunk(bytes);
}

// Dots, and what is read of a message that is refused already, count too; somewhere there is an end to it.
std::uint64_t ServerSession::max_octets_read() const {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
  return 4 * (std::min(limits_.max_message_octets, kMost) + 65'536);
}

// Two rules against clients that are too slow, by one timer: with a minimum rate, so much in each window;
// else data_block_octets in each data_block_deadline. Between chunks the client may take the time it has for
// a command.
void ServerSession::start_content_deadline() {
  octets_since_deadline_ = 0;
  if (limits_.min_data_octets_per_second > 0) return actions_.set_deadline(limits_.data_rate_window);
  set_client_deadline(phase_ == Phase::kData
                          ? limits_.data_block_deadline
                          : std::max(limits_.data_block_deadline, limits_.command_deadline));
}

// Asked when the deadline has come.
bool ServerSession::fast_enough() const {
  if (limits_.min_data_octets_per_second == 0) return false;
  const double seconds = std::chrono::duration<double>(limits_.data_rate_window).count();
  return static_cast<double>(octets_since_deadline_) >=
         static_cast<double>(limits_.min_data_octets_per_second) * seconds;
}

void ServerSession::count_content(std::size_t octets) {
  data_octets_ += octets;
  octets_since_deadline_ += octets;
  if (decoder_ && decoder_->spoiled() && !data_refusal_) refuse_data(*spoiled_data());
  const bool by_blocks = limits_.min_data_octets_per_second == 0;
  if (by_blocks && octets_since_deadline_ >= limits_.data_block_octets) start_content_deadline();
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

void ServerSession::end_of_content() {
  // Of several reasons the same is given wherever the segments ended.
  if (auto spoiled = spoiled_data()) data_refusal_ = std::move(spoiled);
  decoder_.reset();
  if (data_refusal_) {
    const smtp::Reply why = std::move(*data_refusal_);
    content_.reset();
    enter(Phase::kCommand);
    actions_.on_not_taken(why);
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
    discarded_octets_ = 0;
    actions_.on_received(
        Reception{&transaction_->info, transaction_->recipients.size(), message_octets_, &answer});
  } else {
    actions_.on_not_taken(answer);
  }
  respond(answer);
  end_transaction();
  close_if_shutting_down();
  process();
}

}  // namespace essaim::smtpd
