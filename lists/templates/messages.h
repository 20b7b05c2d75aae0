// The service messages: every mail that the program writes by itself is one of these. Subject and text are mustache
// templates in English, translated by the catalogues; a list, domain or site may have its own in their place. A constant
// table.
#pragma once

#include <string_view>
#include <vector>

namespace essaim::lists {

struct Message {
  std::string_view name;       // "welcome"
  std::string_view variables;  // that subject and text may use, with spaces between
  std::string_view help;
  std::string_view subject;
  std::string_view text;
};

const std::vector<Message>& messages();
const Message* find_message(std::string_view name);

}  // namespace essaim::lists
