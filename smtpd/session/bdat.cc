// BDAT (RFC 3030): a message in counted chunks, without BINARYMIME, so that its lines obey the rules of DATA.
// Whatever is wrong with a chunk, its octets are read to their end before the reply: none of them is ever
// taken for a command. Where nobody can say how many there are, the connection ends.
//
// Tolerated: a last line without its CRLF; it is completed (see DataDecoder::finish).
#include "core/base/check.h"
#include "core/smtp/chunk.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

// The state alone decides; nothing of the chunk has been read.
std::optional<smtp::Reply> ServerSession::refusal_of_chunk() const {
  if (!settings_.extensions.chunking) return reply(502, "5.5.1", "BDAT is not available");
  if (chunks_refused_) return reply(503, "5.5.1", "Chunk discarded, one before it was refused");
  if (!transaction_) return bad_sequence("send MAIL first");
  if (transaction_->rcpt_commands == 0) return bad_sequence("send RCPT first");
  if (transaction_->recipients.empty()) return reply(554, "5.5.1", "No valid recipients");
  return std::nullopt;
}

void ServerSession::do_bdat(std::string_view argument) {
  const smtp::ChunkArgument chunk = smtp::parse_chunk_argument(argument);
  if (!chunk.size_known) {
    return cut(reply(501, "5.5.4", "Syntax: BDAT size [LAST]; without a size nobody knows where it ends"),
               Cause::kJunk);
  }
  chunk_refusal_ = refusal_of_chunk();
  if (!chunk_refusal_ && !chunk.well_formed) {
    chunk_refusal_ = reply(501, "5.5.4", "Syntax: BDAT size [LAST]");
  }
  const std::uint64_t read = chunk_refusal_ ? discarded_octets_ : data_octets_;
  if (chunk.size > max_octets_read() || read > max_octets_read() - chunk.size) {
    return cut(reply(552, "5.3.4",
                     "Chunk is far beyond the " + std::to_string(limits_.max_message_octets) +
                         " octets that a message may have"));
  }
  // Chunks that bring no mail are not free of charge.
  const bool idle = (chunk.size == 0 && !chunk.last) || chunks_refused_;
  if (idle && ++junk_ > limits_.max_junk_commands) {
    return cut(reply(421, "4.7.0", "Too many commands without mail"), Cause::kJunk);
  }
  const bool first = !content_;
  if (first && !chunk_refusal_) open_content(smtp::Framing::kCounted);
  chunk_left_ = chunk_size_ = chunk.size;
  chunk_last_ = chunk.last;
  enter(Phase::kChunk);
  // The time of a message runs on over its chunks: chunks of one octet must not keep it for ever.
  if (first) start_content_deadline();
  if (chunk_left_ == 0) end_of_chunk();
}

std::size_t ServerSession::take_chunk(std::string_view bytes) {
  const std::string_view mine = bytes.substr(0, chunk_left_);
  if (chunk_refusal_) {
    discarded_octets_ += mine.size();
  } else {
    ESSAIM_CHECK(decoder_->feed(mine, this) == mine.size());
  }
  chunk_left_ -= mine.size();
  count_content(mine.size());
  if (chunk_left_ == 0) end_of_chunk();
  return mine.size();
}

void ServerSession::end_of_chunk() {
  if (chunk_size_ > 0) actions_.trace('C', "<chunk of " + std::to_string(chunk_size_) + " octets>");
  if (chunk_refusal_) return end_of_refused_chunk();
  if (!chunk_last_ && !data_refusal_) {
    enter(Phase::kCommand);
    return respond(reply(250, "2.0.0", std::to_string(chunk_size_) + " octets received"));
  }
  if (chunk_last_) {
    current_word_ = "end of BDAT";
    decoder_->finish(this);
  }
  chunks_refused_ = !chunk_last_;
  end_of_content();
}

void ServerSession::end_of_refused_chunk() {
  const smtp::Reply why = std::move(*chunk_refusal_);
  chunk_refusal_.reset();
  const bool again = chunks_refused_;
  chunks_refused_ = !chunk_last_;
  enter(Phase::kCommand);
  // One line in the log and one error for a message, however many of its chunks were on the way.
  if (again) return send_reply(why);
  respond(why);
  // RFC 3030 §2: with one chunk the message has failed. Where none could begin, the transaction goes on.
  if (settings_.extensions.chunking && transaction_ && !transaction_->recipients.empty()) end_transaction();
  close_if_shutting_down();
}

}  // namespace essaim::smtpd
