// Replies of servers: the same whatever the segments, bounded, and what we write is what we read.
#include "core/smtp/reply_reader.h"

#include "core/base/text.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

// Everything that was read as text, up to the first error.
std::string replies(const fuzz::Pieces& pieces) {
  smtp::ReplyReader reader;
  std::string out;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const std::size_t before = piece.size();
      const auto status = reader.feed(&piece);
      if (status == smtp::ReplyReader::Status::kError) return out + "error " + reader.error().message;
      if (status == smtp::ReplyReader::Status::kNeedMore) {
        ESSAIM_CHECK(piece.empty());
        continue;
      }
      ESSAIM_CHECK(piece.size() < before);
      const smtp::Reply reply = reader.take();
      ESSAIM_CHECK(reply.code >= 200 && reply.code <= 599);
      ESSAIM_CHECK(reply.text.size() <= smtp::ReplyReader::kMaxReply);
      ESSAIM_CHECK(reply.to_string().find('\n') == std::string::npos);
      out += reply.to_string() + "|" + reply.text + "\n";
    }
  }
  return out;
}

}  // namespace

ESSAIM_FUZZ_TARGET(reply_reader) {
  const unsigned choice = fuzz::take_choice(&data);
  const std::string expected = replies(fuzz::whole(data));
  ESSAIM_CHECK(replies(fuzz::by_octet(data)) == expected);
  ESSAIM_CHECK(replies(fuzz::at_random(data, choice)) == expected);

  // What we say: lines of at most 512 octets, ASCII without controls, read as one reply of the same code.
  if (data.size() > 4'000) return;
  smtp::Reply said{200 + static_cast<int>(choice) + (choice > 99 ? 44 : 0), {}, std::string(data)};
  if ((choice & 1) != 0) said.enhanced = {said.code / 100, 7, 1};
  const std::string wire = said.to_wire();
  std::size_t begin = 0;
  int lines = 0;
  for (std::size_t end = wire.find("\r\n"); end != std::string::npos; end = wire.find("\r\n", begin)) {
    ESSAIM_CHECK(end + 2 - begin <= 512);
    for (const char c : wire.substr(begin, end - begin)) ESSAIM_CHECK(c >= 32 && c <= 126);
    begin = end + 2;
    ++lines;
  }
  ESSAIM_CHECK(begin == wire.size());
  if (lines > smtp::ReplyReader::kMaxLines) return;
  smtp::ReplyReader reader;
  std::string_view rest = wire;
  ESSAIM_CHECK(reader.feed(&rest) == smtp::ReplyReader::Status::kReply && rest.empty());
  ESSAIM_CHECK(reader.take().code == said.code);
}
