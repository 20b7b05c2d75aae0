// Of an answer by mail, what its author wrote: apart from what is quoted, the lines that announce a quotation, and what mail
// programs write under a text. Pure functions; linear time. Internal to lists/commands.
#pragma once

#include <string_view>
#include <vector>

namespace essaim::lists {

struct OwnLine {
  std::string_view words;  // without blanks around them; never empty
  bool begins = true;      // a paragraph: it does not follow on the one before
  bool is_behind = false;  // a quotation stands over it
};

// They point into `text`; 200 at most. They end at a signature, and at a quotation that is not marked as one, which says what a question says.
std::vector<OwnLine> own_lines(std::string_view text);

}  // namespace essaim::lists
