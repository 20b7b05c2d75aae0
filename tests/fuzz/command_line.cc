// The server's command lines: what LineBuffer makes of a stream, and the verb and argument of each line.
#include <string>

#include "core/base/text.h"
#include "core/smtp/command.h"
#include "smtpd/session/line_buffer.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

void split(std::string_view line) {
  const smtp::Command command = smtp::split_command(line);
  ESSAIM_CHECK(command.word.size() + command.argument.size() <= line.size());
  ESSAIM_CHECK(trimmed(command.argument).size() == command.argument.size() ||
               command.argument.find_first_of("\r\n") != std::string_view::npos);
  if (command.verb != smtp::Verb::kUnknown)
    ESSAIM_CHECK(equals_ignoring_case(command.word, smtp::to_string(command.verb)));
  // What is let through holds nothing that ends a line or drives a terminal.
  if (!smtp::has_forbidden_octets(line)) ESSAIM_CHECK(is_ascii(line));
  if (!smtp::has_control_octets(line))
    ESSAIM_CHECK(line.find_first_of(std::string_view("\r\n\0\x1b", 4)) == std::string_view::npos);
  if (smtp::is_helo_name(command.argument))
    ESSAIM_CHECK(command.argument.find_first_of(" \t\r\n") == std::string_view::npos);
}

// The lines of the stream as text. The octets held stay bounded, however long a line is.
std::string lines(const fuzz::Pieces& pieces) {
  constexpr std::size_t kMaxLine = 64;
  smtpd::LineBuffer buffer(kMaxLine);
  std::string out;
  for (const std::string_view piece : pieces) {
    buffer.append(piece);
    std::string_view line;
    for (auto next = buffer.next(&line); next != smtpd::LineBuffer::Next::kNone; next = buffer.next(&line)) {
      ESSAIM_CHECK(line.size() < kMaxLine);
      out += std::to_string(static_cast<int>(next)) + ":" + std::string(line) + "\n";
      split(line);
    }
    buffer.compact();
    ESSAIM_CHECK(buffer.size() <= kMaxLine);
  }
  return out;
}

}  // namespace

ESSAIM_FUZZ_TARGET(command_line) {
  const unsigned choice = fuzz::take_choice(&data);
  const std::string expected = lines(fuzz::whole(data));
  ESSAIM_CHECK(lines(fuzz::by_octet(data)) == expected);
  ESSAIM_CHECK(lines(fuzz::at_random(data, choice)) == expected);
  split(data);
}
