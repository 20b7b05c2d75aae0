// Named search filters of the kind .txt: addresses and patterns, one to a line, "#" and ";" begin a comment line:
//
//   spammer@bad.example
//   *@bad.example          a whole domain
//   *@*.bad.example        what is below it
//   no-reply@*
//
// Case is ignored. Addresses and domains are looked up by hash, other patterns one after the other in linear time.
// Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/base/result.h"

namespace essaim::lists::scenario {

class TextFilter {
 public:
  // kInvalid names the line: "blocklist.txt, line 3: ...".
  static Result<TextFilter> parse(std::string_view text, const std::string& name);
  bool contains(std::string_view address) const;
  std::size_t size() const { return addresses_.size() + domains_.size() + patterns_.size(); }

 private:
  std::unordered_set<std::string> addresses_, domains_;
  std::vector<std::string> patterns_;
};

// A line of such a text in lower case, its domain as those of senders are known: with A-labels.
std::string as_kept(const std::string& line);

// "*" stands for any text. Case matters; lower both first.
bool matches_wildcards(std::string_view pattern, std::string_view text);

}  // namespace essaim::lists::scenario
