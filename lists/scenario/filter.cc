#include "lists/scenario/filter.h"

#include "core/base/text.h"
#include "core/smtp/idn.h"

namespace essaim::lists::scenario {

constexpr std::size_t kMaxLine = 320;

// A label with "*" is as it is.
std::string as_kept(const std::string& line) {
  const auto at = line.rfind('@');
  if (at == line.npos || is_ascii(line)) return line;
  std::string out = line.substr(0, at);
  char between = '@';
  for (const std::string_view label : split(std::string_view(line).substr(at + 1), '.')) {
    out += between;
    out += label.find('*') == label.npos ? smtp::kept_domain(label) : std::string(label);
    between = '.';
  }
  return out;
}

bool matches_wildcards(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<TextFilter> TextFilter::parse(std::string_view text, const std::string& name) {
  TextFilter out;
  std::size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    std::string line = ascii_lowered(trimmed(raw));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const auto wrong = [&](const char* what) {
      return Error{ErrorCode::kInvalid, name + ", line " + std::to_string(number) + ": " + what};
    };
    if (line.size() > kMaxLine) return wrong("longer than an address can be");
    if (line.find_first_of(std::string_view(" \t\0", 3)) != line.npos)
      return wrong("one address or pattern to a line");
    if (!is_valid_utf8(line)) return wrong("it is not UTF-8");
    line = as_kept(line);
    const bool domain = line.starts_with("*@") && line.find('*', 1) == line.npos;
    if (domain) {
      out.domains_.insert(line.substr(2));
    } else if (line.find('*') == line.npos) {
      if (line.find('@') == line.npos)
        return wrong("an address has an \"@\"; a whole domain is written *@example.org");
      out.addresses_.insert(line);
    } else {
      out.patterns_.push_back(line);
    }
  }
  return out;
}

bool TextFilter::contains(std::string_view address) const {
  const std::string lower = ascii_lowered(address);
  if (addresses_.count(lower) > 0) return true;
  const auto at = lower.rfind('@');
  if (at != lower.npos && domains_.count(lower.substr(at + 1)) > 0) return true;
  for (const std::string& pattern : patterns_) {
    if (matches_wildcards(pattern, lower)) return true;
  }
  return false;
}

}  // namespace essaim::lists::scenario
