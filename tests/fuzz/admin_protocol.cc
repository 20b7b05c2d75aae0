// Junk on the admin socket: bounded lines, strict requests, and nothing that we say has a line end within.
#include <string>

#include "core/base/text.h"
#include "smtpd/admin/protocol.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::smtpd::admin;

namespace {

std::string lines(const fuzz::Pieces& pieces) {
  constexpr std::size_t kLimit = 100;
  LineReader reader(kLimit);
  std::string out;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      std::size_t used = 0;
      const auto state = reader.take(piece, &used);
      if (state == LineReader::State::kTooLong) return out + "too long";
      ESSAIM_CHECK(used > 0 && used <= piece.size() && reader.line().size() <= kLimit);
      piece.remove_prefix(used);
      if (state != LineReader::State::kLine) continue;
      out += reader.line() + "\n";
      reader.next();
    }
  }
  return out;
}

bool one_line(const std::string& text) {
  return text.find('\n') == text.size() - 1;
}

}  // namespace

ESSAIM_FUZZ_TARGET(admin_protocol) {
  const std::string expected = lines(fuzz::whole(data));
  ESSAIM_CHECK(lines(fuzz::by_octet(data)) == expected);
  ESSAIM_CHECK(lines(fuzz::at_random(data, static_cast<unsigned>(data.size()))) == expected);
  if (const auto request = decode_request(data); request.ok()) {
    const std::string line = encode_request(*request);
    ESSAIM_CHECK(one_line(line) && is_valid_utf8(line));
    const auto again = decode_request(std::string_view(line).substr(0, line.size() - 1));
    ESSAIM_CHECK(again.ok() && again->command == request->command && again->arguments == request->arguments);
  }
  // Lines of dialogues go through here as peers sent them.
  const std::string line = encode_line(data);
  ESSAIM_CHECK(one_line(line) && is_valid_utf8(line) && decode_line(line).ok());
  const std::string answer = encode_answer(Error{ErrorCode::kConflict, std::string(data)});
  ESSAIM_CHECK(one_line(answer) && !decode_answer(answer).ok());
  ESSAIM_CHECK(decode_answer(answer).error().code == ErrorCode::kConflict);
  static_cast<void>(decode_answer(data));
  static_cast<void>(decode_line(data));
}
