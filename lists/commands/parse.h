// Commands by mail, as Sympa's robot takes them: from the subject if it is one, else line by line from the text, up to a
// signature ("-- "), QUIT, or the first line that is none. Marks of quoting before a line are passed over, "#" lines and empty
// ones skipped. Letters' case does not matter. Pure functions; linear time.
//
//   command = ["QUIET"] name [list] [arguments]
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::lists {

enum class CommandKind {
  kSubscribe,
  kUnsubscribe,
  kUnsubscribeAll,
  kAdd,
  kDelete,
  kInvite,
  kSet,
  kSetAll,
  kReview,
  kInfo,
  kStats,
  kRemind,
  kRemindAll,
  kModIndex,
  kWhich,
  kLists,
  kHelp,
  kVerify,
  kConfirm,
  kDecline,
  kDistribute,
  kReject,
  kArchive,
  kUnknown,
  kBadlyWritten,
};

struct Command {
  CommandKind kind = CommandKind::kUnknown;
  bool quiet = false;
  std::string line;  // as written, for the answer
  std::string word;  // its name as we write it, "SIGNOFF"; "" of what is unknown
  std::string list;  // "dev" or "dev@lists.example.org", in lower case
  std::string email;
  std::string name;    // the rest: a name, or the reason of a rejection
  std::string option;  // of SET, in lower case: "nomail"
  std::string key;
  std::string usage;  // of what is badly written: "SUBSCRIBE list [name]"
};

struct Commands {
  std::vector<Command> commands;
  bool more = false;  // further ones were left out
};

inline constexpr std::size_t kMostCommands = 50;

// What there is, for those who want to see all of it: the names of each command, in lower case, the longest last; options of SET.
std::vector<std::vector<std::string>> command_names();
const std::vector<std::string_view>& set_options();

// One line, without marks of quoting. Unknown ones give kUnknown.
Command parse_command(std::string_view line);

// `subject` decoded; `text` in UTF-8. A list whose own address it came to may be left out of subscribe and unsubscribe.
Commands parse_commands(std::string_view subject, std::string_view text, std::string_view own_list = {});

}  // namespace essaim::lists
