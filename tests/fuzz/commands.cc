// Commands by mail: of any message, what is read is bounded, and a line that is one reads the same again.
#include "core/mail/readable.h"
#include "lists/commands/parse.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::lists;

ESSAIM_FUZZ_TARGET(commands) {
  if (data.size() > 16'000) return;
  const std::string message(data);
  const auto header = mail::HeaderBlock::parse(message);
  if (!header.ok()) return;
  const std::string text = mail::main_text(*header, std::string_view(message).substr(header->body_offset()));
  const std::string subject(header->value("Subject").value_or(""));
  for (const char* own : {"", "dev@lists.example"}) {
    const Commands commands = parse_commands(subject, text, own);
    ESSAIM_CHECK(commands.commands.size() <= kMostCommands);
    for (const Command& command : commands.commands) {
      if (command.line.size() >= 300) continue;  // cut for the answer
      ESSAIM_CHECK(parse_command(command.line).kind == command.kind);
    }
  }
}
