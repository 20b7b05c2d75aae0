#include "smtpd/session/line_buffer.h"

namespace essaim::smtpd {

LineBuffer::Next LineBuffer::next(std::string_view* line) {
  const std::string_view rest = pending();
  // Beyond the longest line nothing is searched while the line may still be good: a byte more costs a bounded
  // look.
  const std::size_t lf = (skipped_ > 0 ? rest : rest.substr(0, max_line_)).find('\n');
  if (lf == std::string_view::npos) {
    if (skipped_ == 0 && rest.size() < max_line_) return Next::kNone;
    if (skipped_ == 0) head_ = rest.substr(0, kHead);
    if (skipped_ == 0 && rest.size() > max_line_) {
      skipped_ = max_line_;
      consume(max_line_);
      return next(line);
    }
    skipped_ += rest.size();
    consume(rest.size());
    return Next::kNone;
  }
  consume(lf + 1);
  if (skipped_ > 0) {
    skipped_ = 0;
    *line = head_;
    return Next::kTooLong;
  }
  *line = rest.substr(0, lf);
  if (line->empty() || line->back() != '\r') return Next::kBareLf;
  line->remove_suffix(1);
  return Next::kLine;
}

void LineBuffer::compact() {
  // Commands that wait are taken one by one, with an answer between: to move the rest each time would be
  // quadratic.
  if (pos_ < bytes_.size() / 2) return;
  bytes_.erase(0, pos_);
  pos_ = 0;
  // A burst must not leave its memory with an idle session.
  if (bytes_.empty() && bytes_.capacity() > 8'192) std::string().swap(bytes_);
}

void LineBuffer::clear() {
  bytes_.clear();
  pos_ = 0;
  skipped_ = 0;
}

}  // namespace essaim::smtpd
