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
bool is_alphanumeric(char c) {
  return is_digit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z');
}
// Of what words are made that may be an address, a time, an id.
bool is_of_word(char c) {
  return is_alphanumeric(c) || std::string_view("@._+-:%~$").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_address(std::string_view word) {
  if (word.starts_with("ipv6:")) word.remove_prefix(5);
  const std::string text(word);
  return is_ip(AF_INET, text) || is_ip(AF_INET6, text);
}

// ":25" and what is behind it.
std::size_t size_of_port(std::string_view text) {
  if (text.size() < 2 || text[0] != ':' || !is_digit(text[1])) return 0;
  std::size_t end = 1;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end;
}

// "[192.0.2.1]", or with a port, at the beginning of a text.
std::size_t size_of_literal(std::string_view text) {
  const std::size_t end = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  if (end == std::string_view::npos || !is_address(ascii_lowered(text.substr(1, end - 1)))) return 0;
  return end + 1 + size_of_port(text.substr(end + 1));
}

// A host's address where we have connected to: ours are told without a port.
bool is_address_with_port(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && is_ip(AF_INET, std::string(word.substr(0, colon))) &&
         size_of_port(word.substr(colon)) == word.size() - colon;
}

// "mx.example.net" is, and "example.net.html", as in a link to explanations; "myexample.net" is not.
bool names_domain(std::string_view word, std::string_view domain) {
  if (domain.empty()) return false;
  const auto borders = [&word](std::size_t i) {
    return i >= word.size() || !(is_alphanumeric(word[i]) || word[i] == '-');
  };
  for (std::size_t at = word.find(domain); at != std::string_view::npos; at = word.find(domain, at + 1))
    if ((at == 0 || borders(at - 1)) && borders(at + domain.size())) return true;
  return false;
}

// Seconds to wait, sizes, times of day. Not "554", which is what another host has said.
bool is_quantity(std::string_view word) {
  const auto digits = std::count_if(word.begin(), word.end(), is_digit);
  if (digits < 3 || !std::all_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == ':'; }))
    return false;
  return word.size() != 3 || (word[0] != '4' && word[0] != '5');
}

// Seven digits and more, and what is long and mixed: "BL000010" and "S3140" are names of causes.
bool is_id(std::string_view word) {
  std::size_t all_digits = 0, run = 0, digits = 0, changes = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (!is_alphanumeric(word[i])) {
      run = digits = changes = 0;
      continue;
    }
    if (run > 0 && is_digit(word[i]) != is_digit(word[i - 1])) ++changes;
    ++run;
    if (is_digit(word[i])) {
      ++digits;
      ++all_digits;
    }
    if ((run >= 10 && digits >= 2) || (run >= 6 && digits >= 3 && changes >= 3)) return true;
  }
  return all_digits >= 7;
}

// About one host, one person or one message. `first`: the word is what the reason begins with; `alone`: behind a blank.
bool is_of_one(std::string_view word, std::string_view domain, bool first, bool alone) {
  if (word.size() > 2 &&
      (word.find('@') != std::string_view::npos || word.find("%40") != std::string_view::npos))
    return true;
  if (is_address(word)) return false;
  return is_address_with_port(word) || names_domain(word, domain) || is_id(word) ||
         (alone && !first && is_quantity(word));
}

}  // namespace

std::string reason_pattern(std::string_view reason, std::string_view domain) {
  const std::string lowered = ascii_lowered(reason), lowered_domain = ascii_lowered(domain);
  const std::string_view all = lowered;
  std::string out;
  for (std::size_t at = 0; at < reason.size();) {
    std::size_t end = at;
    while (end < reason.size() && is_of_word(reason[end])) ++end;
    const std::size_t literal = size_of_literal(all.substr(end));
    if (end == at) {
      // With a port, a host's; else ours.
      const bool with_port = literal > 0 && reason[at + literal - 1] != ']';
      if (with_port) out += '*';
      if (!with_port) out += reason[at];
      at += with_port ? literal : 1;
      continue;
    }
    if (literal > 0) {  // "mx.example.net[192.0.2.1]:25"
      out += '*';
      at = end + literal;
      continue;
    }
    // A full stop or a colon behind it is the sentence's.
    std::string_view word = all.substr(at, end - at);
    const std::size_t last = word.find_last_not_of(".:");
    if (last != std::string_view::npos) word = word.substr(0, last + 1);
    if (is_of_one(word, lowered_domain, at == 0, at > 0 && reason[at - 1] == ' '))
      out += '*';
    else
      out += reason.substr(at, word.size());
    out += reason.substr(at + word.size(), end - at - word.size());
    at = end;
  }
  return out;
}

}  // namespace essaim::smtpd::operate
