#include "core/smtp/data_decoder.h"

#include <cstring>

namespace essaim::smtp {

// The walk through one piece of input. Octets from `begin` to `pos` are output not yet given to the sink, so
// that a piece without dots goes out in one call.
struct DataDecoder::Run {
  std::string_view bytes;
  Sink* sink;
  std::size_t pos = 0;
  std::size_t begin = 0;
  std::size_t lf = 0;  // where the next LF is, if that is at or behind `pos`; bytes.size() when there is none

  bool has_more() const { return pos < bytes.size(); }
  char here() const { return bytes[pos]; }
  void give_until(std::size_t end) {
    if (end > begin) sink->on_message_data(bytes.substr(begin, end - begin));
  }
  void drop_until(std::size_t end) { pos = begin = end; }
};

void DataDecoder::count(std::size_t octets) {
  line_octets_ += octets;
  if (line_octets_ > kMaxLine) long_line_ = true;
}

std::size_t DataDecoder::feed(std::string_view bytes, Sink* sink) {
  Run run{bytes, sink};
  // The search for LF is kept over the CRs found before it: each octet is looked at a fixed number of times.
  const void* first_lf = bytes.empty() ? nullptr : std::memchr(bytes.data(), '\n', bytes.size());
  run.lf =
      first_lf ? static_cast<std::size_t>(static_cast<const char*>(first_lf) - bytes.data()) : bytes.size();
  while (run.has_more() && state_ != State::kDone) {
    switch (state_) {
      case State::kLineStart:
        state_ = State::kInLine;
        if (framing_ == Framing::kDot && run.here() == '.') {
          run.give_until(run.pos);
          run.drop_until(run.pos + 1);
          state_ = State::kDot;
        }
        break;
      case State::kDot:
        state_ = State::kInLine;
        if (run.here() == '\r') {
          run.drop_until(run.pos + 1);
          state_ = State::kDotCr;
        }
        break;
      case State::kDotCr:
      case State::kCr:
        if (run.here() == '\n') {
          if (state_ == State::kCr) sink->on_message_data("\r\n");
          run.drop_until(run.pos + 1);
          count(1);
          line_octets_ = 0;
          state_ = state_ == State::kCr ? State::kLineStart : State::kDone;
        } else {
          bare_cr_ = true;
          sink->on_message_data(" ");
          state_ = State::kInLine;
        }
        break;
      case State::kInLine:
        in_line(&run);
        break;
      case State::kDone:
        break;
    }
  }
  run.give_until(run.pos);
  if (run.pos > 0 && std::memchr(bytes.data(), 0, run.pos) != nullptr) nul_ = true;
  return run.pos;
}

void DataDecoder::finish(Sink* sink) {
  if (state_ == State::kCr) {
    bare_cr_ = true;
    sink->on_message_data(" ");
  }
  const bool open_line = state_ == State::kCr || (state_ == State::kInLine && line_octets_ > 0);
  if (open_line) sink->on_message_data("\r\n");
  state_ = State::kDone;
}

void DataDecoder::in_line(Run* run) {
  const std::string_view bytes = run->bytes;
  if (run->lf < run->pos) {
    const std::size_t found = bytes.find('\n', run->pos);
    run->lf = found == std::string_view::npos ? bytes.size() : found;
  }
  const void* cr = std::memchr(bytes.data() + run->pos, '\r', run->lf - run->pos);
  if (cr == nullptr) {
    count(run->lf - run->pos);
    if (run->lf == bytes.size()) {
      run->pos = run->lf;
      return;
    }
    bare_lf_ = true;
    run->give_until(run->lf);
    run->sink->on_message_data("\r\n");
    run->drop_until(run->lf + 1);
    line_octets_ = 0;
    return;
  }
  const auto at = static_cast<std::size_t>(static_cast<const char*>(cr) - bytes.data());
  count(at + 1 - run->pos);
  if (at + 1 == bytes.size()) {  // what it is shows with the next octet
    run->give_until(at);
    run->drop_until(at + 1);
    state_ = State::kCr;
  } else if (at + 1 == run->lf) {
    count(1);
    run->pos = at + 2;
    line_octets_ = 0;
    state_ = State::kLineStart;
  } else {
    bare_cr_ = true;
    run->give_until(at);
    run->sink->on_message_data(" ");
    run->drop_until(at + 1);
  }
}

}  // namespace essaim::smtp
