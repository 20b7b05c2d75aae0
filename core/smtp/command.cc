#include "core/smtp/command.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/smtp/address.h"

namespace essaim::smtp {
namespace {

struct Row {
  std::string_view word;
  Verb verb;
};

constexpr Row kVerbs[] = {
    {"MAIL", Verb::kMail}, {"RCPT", Verb::kRcpt}, {"DATA", Verb::kData}, {"EHLO", Verb::kEhlo},
    {"HELO", Verb::kHelo}, {"RSET", Verb::kRset}, {"QUIT", Verb::kQuit}, {"NOOP", Verb::kNoop},
    {"VRFY", Verb::kVrfy}, {"EXPN", Verb::kExpn}, {"HELP", Verb::kHelp}, {"STARTTLS", Verb::kStarttls},
    {"BDAT", Verb::kBdat}, {"ETRN", Verb::kEtrn}, {"AUTH", Verb::kAuth}, {"XFORWARD", Verb::kXforward},
};

}  // namespace

Command split_command(std::string_view line) {
  Command command;
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  command.word = line.substr(0, end);
  command.argument = trimmed(line.substr(end));
  for (const Row& row : kVerbs) {
    if (equals_ignoring_case(row.word, command.word)) command.verb = row.verb;
  }
  return command;
}

const char* to_string(Verb verb) {
  for (const Row& row : kVerbs) {
    if (row.verb == verb) return row.word.data();
  }
  return "unknown";
}

bool has_control_octets(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 32 && c != '\t') || octet == 127;
  });
}

bool has_forbidden_octets(std::string_view line) {
  return has_control_octets(line) || !is_ascii(line);
}

bool is_helo_name(std::string_view argument) {
  return !argument.empty() && argument.size() <= kMaxDomain &&
         std::all_of(argument.begin(), argument.end(), [](char c) { return c > 32 && c < 127; });
}

}  // namespace essaim::smtp
