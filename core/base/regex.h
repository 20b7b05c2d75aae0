// Perl-compatible regular expressions (PCRE2) on text that strangers wrote: each match has a limit of steps, depth
// and memory, so that no pattern and no text can keep a thread. Case is ignored on request; UTF-8 is read as such, octets
// that are none match nothing. Immutable once compiled, and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim {

class Regex {
 public:
  enum class Case { kExact, kIgnored };
  // kInvalid: "column 5: missing closing parenthesis"; columns count octets from 1.
  static Result<Regex> compile(std::string_view pattern, Case letters = Case::kIgnored);

  // kExhausted: a limit was met, so nobody knows.
  Result<bool> matches(std::string_view text) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const Code> code_;
};

// The text as a pattern that matches it and nothing else.
std::string regex_quoted(std::string_view text);

}  // namespace essaim
