#include "core/smtp/reply_reader.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/smtp/enhanced_code.h"

namespace essaim::smtp {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

ReplyReader::Status ReplyReader::fail(std::string message) {
  error_ = Error{ErrorCode::kInvalid, std::move(message)};
  return status_ = Status::kError;
}

ReplyReader::Status ReplyReader::feed(std::string_view* bytes) {
  while (status_ == Status::kNeedMore && !bytes->empty()) {
    // No more is looked at than a line may have, so that a huge buffer costs nothing.
    const std::size_t room = kMaxLine - line_.size();
    const std::string_view window = bytes->substr(0, room);
    const std::size_t end = window.find('\n');
    const std::size_t used = end == std::string_view::npos ? window.size() : end + 1;
    line_.append(window.substr(0, used));
    bytes->remove_prefix(used);
    octets_ += used;
    if (octets_ > kMaxReply) return fail("reply of over 65536 octets");
    if (end == std::string_view::npos) {
      if (line_.size() >= kMaxLine) return fail("reply line of over 4096 octets");
      break;
    }
    // Tolerated: LF without CR, from servers that are otherwise in order.
    std::string_view line = line_;
    line.remove_suffix(1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    status_ = take_line(line);
    line_.clear();
  }
  return status_;
}

ReplyReader::Status ReplyReader::take_line(std::string_view line) {
  const auto nonsense = [&] { return fail("not an SMTP reply: '" + escaped_for_display(line, 80) + "'"); };
  if (line.find('\0') != std::string_view::npos) return nonsense();
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
    return nonsense();
  // RFC 5321 §4.2 lets the last line be the bare code.
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return nonsense();
  if (++lines_ > kMaxLines) return fail("reply of over 128 lines");

  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  const bool last = line.size() == 3 || line[3] == ' ';
  std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
  if (lines_ == 1) reply_ = Reply{code, {}, ""};
  if (code != reply_.code) return fail("reply whose lines have different codes");

  std::size_t used = 0;
  const auto enhanced = parse_enhanced_code(text, &used);
  if (enhanced && enhanced->klass == code / 100) {
    if (lines_ == 1) reply_.enhanced = *enhanced;
    if (*enhanced == reply_.enhanced) text.remove_prefix(std::min(used + 1, text.size()));
  }
  if (lines_ > 1) reply_.text.push_back('\n');
  reply_.text.append(text);
  return last ? Status::kReply : Status::kNeedMore;
}

Reply ReplyReader::take() {
  ESSAIM_CHECK(status_ == Status::kReply);
  status_ = Status::kNeedMore;
  octets_ = 0;
  lines_ = 0;
  return std::move(reply_);
}

}  // namespace essaim::smtp
