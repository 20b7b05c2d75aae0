// One line of a scenario under the reader's eye. Internal to lists/scenario.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::lists::scenario {

struct Cursor {
  std::string_view line;
  std::size_t at = 0;

  bool end() const { return at >= line.size(); }
  char peek() const { return end() ? '\0' : line[at]; }
  void skip_space() {
    while (!end() && (line[at] == ' ' || line[at] == '\t')) ++at;
  }
  bool take(char c) {
    if (peek() != c || end()) return false;
    ++at;
    return true;
  }
  bool take(std::string_view text) {
    if (!line.substr(at).starts_with(text)) return false;
    at += text.size();
    return true;
  }
  template <typename Predicate>
  std::string_view take_while(Predicate wanted) {
    const std::size_t begin = at;
    while (!end() && wanted(line[at])) ++at;
    return line.substr(begin, at - begin);
  }
};

// What is wrong, and at which octet of the line.
struct Complaint {
  std::size_t at = 0;
  std::string what;
};

}  // namespace essaim::lists::scenario
