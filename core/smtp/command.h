// The command line of the server's side (RFC 5321 §4.1.1): verb and argument. Pure functions on views of the
// caller's line; nothing is kept.
#pragma once

#include <string_view>

namespace essaim::smtp {

enum class Verb {
  kHelo,
  kEhlo,
  kMail,
  kRcpt,
  kData,
  kRset,
  kNoop,
  kQuit,
  kVrfy,
  kExpn,
  kHelp,
  kStarttls,
  kBdat,
  kEtrn,
  kAuth,
  kXforward,
  kUnknown
};

// Octets with CRLF. RFC 5321 §4.5.3.1.4 asks for 512 and more for each parameter; we have room for all there
// are.
inline constexpr std::size_t kMaxCommandLine = 2'048;

struct Command {
  Verb verb = Verb::kUnknown;
  std::string_view word;      // as it came
  std::string_view argument;  // without spaces and tabs at its ends
};

// `line` is without CRLF.
Command split_command(std::string_view line);

const char* to_string(Verb verb);

// Octets that no command may hold: controls. A tab is none here. Bare CR falls under it, so it cannot be
// taken for a line end anywhere behind us.
bool has_control_octets(std::string_view line);
// Controls and anything but ASCII: for commands that SMTPUTF8 does not concern.
bool has_forbidden_octets(std::string_view line);

// HELO and EHLO: a domain or an address literal. Tolerated: any run of printable characters without spaces,
// because the names that clients give are wrong so often; what is shown of it is escaped (RFC 5321 §4.1.4
// forbids to refuse for a wrong name, not for a wrong syntax).
bool is_helo_name(std::string_view argument);

}  // namespace essaim::smtp
