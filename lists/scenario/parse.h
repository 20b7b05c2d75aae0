// Reads the text of a scenario. Pure functions; linear time.
//
//   line      = comment / title / include / rule
//   title     = "title" ["." language] text
//   include   = "include" ["("] ["'"] name ["'"] [")"]
//   rule      = condition [auth *("," auth)] "->" action             no auth means smtp
//   condition = ["!"] name "(" [operand *([","] operand)] ")"
//   operand   = variable / "'" text "'" / DQUOTE text DQUOTE / "/" expression "/" / word
//   variable  = "[" name ["->" name] "]" ["[" index "]"]
//   action    = kind ["(" [name "="] value *("," ...) ")"] *("," ("notify" / "quiet" / kind))
//
// "#" begins a comment unless it stands in quotes or an expression. A line that is one word is skipped, as Sympa does.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "lists/scenario/scenario.h"

namespace essaim::lists::scenario {

inline constexpr std::size_t kMaxText = 256 * 1024;
inline constexpr std::size_t kMaxRules = 2000;

struct Include {
  std::string name;  // of the file "include.<name>"
  int line = 0;
};

struct ParsedText {
  std::map<std::string, std::string> titles;
  std::vector<std::variant<Rule, Include>> lines;
};

// kInvalid: "send.mine, line 3, column 15: there is no condition 'is_membr'; did you mean 'is_member'?"
Result<ParsedText> parse(std::string_view text, const std::string& file);

}  // namespace essaim::lists::scenario
