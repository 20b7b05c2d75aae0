#include "smtpd/operate/reason_pattern.h"

#include <algorithm>
#include <cstddef>

#include <sys/socket.h>

#include "core/base/network.h"
#include "core/base/text.h"

namespace essaim::smtpd::operate {
namespace {

bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

// "450", "4.7.1", "421-4.7.0": what a reply begins with tells one cause from another.
bool is_code(std::string_view word) {
  return word.size() <= 10 &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == '.' || c == '-'; });
}

// What a host says of an address alone is mostly about ours.
bool is_address(std::string_view word) {
  if (word.starts_with('[') && word.ends_with(']')) word = word.substr(1, word.size() - 2);
  const std::string text(word);
  return is_ip(AF_INET, text) || is_ip(AF_INET6, text);
}

bool belongs_to(std::string_view name, std::string_view domain) {
  return !domain.empty() && name.ends_with(domain) &&
         (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
}

// A word without what surrounds it: about one host, one person or one message.
bool is_of_one(const std::string& word, std::string_view domain) {
  if (is_code(word) || is_address(word)) return false;
  if (word.find('@') != std::string::npos || word.find("://") != std::string::npos) return true;
  if (word.find('[') != std::string::npos || belongs_to(word, domain)) return true;
  constexpr std::ptrdiff_t kFewDigits = 3;
  return std::count_if(word.begin(), word.end(), is_digit) >= kFewDigits;
}

}  // namespace

std::string reason_pattern(std::string_view reason, std::string_view domain) {
  constexpr std::string_view kAround = "<>()\"',;:.";
  const std::string lowered_domain = ascii_lowered(domain);
  std::string out;
  for (const std::string_view word : split(reason, ' ')) {
    if (!out.empty()) out += ' ';
    const std::size_t first = word.find_first_not_of(kAround);
    if (first == std::string_view::npos) {
      out += word;
      continue;
    }
    const std::size_t end = word.find_last_not_of(kAround) + 1;
    const std::string_view inner = word.substr(first, end - first);
    if (is_of_one(ascii_lowered(inner), lowered_domain)) {
      out += word.substr(0, first);
      out += '*';
      out += word.substr(end);
    } else {
      out += word;
    }
  }
  return out;
}

}  // namespace essaim::smtpd::operate
