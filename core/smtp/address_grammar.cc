#include "core/smtp/address_grammar.h"

#include <arpa/inet.h>

#include "core/base/text.h"
#include "core/smtp/address.h"
#include "core/smtp/idn.h"

namespace essaim::smtp::grammar {
namespace {

constexpr std::size_t kMaxLabel = 63;  // RFC 1035 §2.3.4

bool is_let_dig(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_printable(char c) {
  return c >= 32 && c <= 126;
}

bool is_8bit(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

Trouble take_quoted(std::string_view text, std::size_t* pos, std::string* local, bool utf8) {
  std::size_t at = *pos + 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && ++at == text.size()) break;
    if (!is_printable(text[at]) && !(utf8 && is_8bit(text[at]))) {
      *pos = at;
      return "quoted local part holds a control or non-ASCII character";
    }
    local->push_back(text[at]);
  }
  *pos = at;
  if (at >= text.size()) return "quotation mark without its end";
  // The grammar allows "", but no mailbox can have this name.
  if (local->empty()) return "empty local part";
  ++*pos;
  return nullptr;
}

Trouble take_literal(std::string_view text, std::size_t* pos, std::string* domain) {
  const std::size_t end = text.find(']', *pos);
  if (end == std::string_view::npos) return "address literal without its end";
  const std::string inner(text.substr(*pos + 1, end - *pos - 1));
  if (inner.size() > kMaxDomain) return "domain is too long";
  unsigned char binary[16];
  const bool valid =
      inner.find('\0') == std::string::npos &&
      (starts_with_ignoring_case(inner, "IPv6:") ? inet_pton(AF_INET6, inner.c_str() + 5, binary) == 1
                                                 : inet_pton(AF_INET, inner.c_str(), binary) == 1);
  if (!valid) return "address literal is neither [IPv4] nor [IPv6:...]";
  *domain = ascii_lowered(text.substr(*pos, end + 1 - *pos));
  *pos = end + 1;
  return nullptr;
}

// Labels of letters, digits, hyphens, and in U-labels anything over 127. Moves *pos behind them.
Trouble take_labels(std::string_view text, std::size_t* pos, bool utf8) {
  const std::size_t begin = *pos;
  std::size_t label = *pos;
  while (true) {
    // Tolerated: "_" in a label, for the hosts that are named so.
    while (*pos < text.size() && (is_let_dig(text[*pos]) || text[*pos] == '-' || text[*pos] == '_' ||
                                  (utf8 && is_8bit(text[*pos])))) {
      ++*pos;
    }
    if (*pos == label) return *pos == begin ? "no domain" : "domain has an empty label";
    if (!utf8 && *pos - label > kMaxLabel) return "domain has a label of over 63 octets";
    if (text[label] == '-' || text[*pos - 1] == '-') return "domain has a hyphen at the end of a label";
    if (*pos == text.size() || text[*pos] != '.') break;
    label = ++*pos;
  }
  return !utf8 && *pos - begin > kMaxDomain ? "domain is too long" : nullptr;
}

}  // namespace

bool is_atext(char c) {
  return is_let_dig(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view text, bool utf8) {
  bool after_atext = false;
  for (const char c : text) {
    if (c == '.' ? !after_atext : !is_atext(c) && !(utf8 && is_8bit(c))) return false;
    after_atext = c != '.';
  }
  return after_atext;
}

bool is_utf8_text(std::string_view text) {
  if (!is_valid_utf8(text)) return false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
  }
  return true;
}

Trouble take_local_part(std::string_view text, std::size_t* pos, std::string* local, bool utf8) {
  local->clear();
  if (*pos < text.size() && text[*pos] == '"') return take_quoted(text, pos, local, utf8);
  const std::size_t begin = *pos;
  while (*pos < text.size() && (text[*pos] == '.' || is_atext(text[*pos]) || (utf8 && is_8bit(text[*pos])))) {
    ++*pos;
  }
  const std::string_view taken = text.substr(begin, *pos - begin);
  if (taken.empty()) return "no local part";
  if (!is_dot_string(taken, utf8)) return "local part has a dot at an end or two together; quote it";
  *local = taken;
  return nullptr;
}

Trouble take_domain(std::string_view text, std::size_t* pos, std::string* domain, bool utf8) {
  domain->clear();
  if (*pos < text.size() && text[*pos] == '[') return take_literal(text, pos, domain);
  const std::size_t begin = *pos;
  std::size_t end = begin;
  if (const auto trouble = take_labels(text, &end, utf8)) {
    *pos = end;
    return trouble;
  }
  const std::string_view taken = text.substr(begin, end - begin);
  if (utf8 && !is_ascii(taken)) {
    const auto ascii = domain_to_ascii(taken);
    // The mapping may make other characters of it, dots among them: what comes out is judged as if it had
    // come so.
    std::size_t ascii_end = 0;
    if (!ascii.ok() || take_labels(*ascii, &ascii_end, false) || ascii_end != ascii->size()) {
      return "domain is no internationalised name";
    }
    *domain = *ascii;
  } else {
    std::size_t ascii_end = begin;
    if (const auto trouble = take_labels(text, &ascii_end, false)) return trouble;
    *domain = ascii_lowered(taken);
  }
  *pos = end;
  return nullptr;
}

}  // namespace essaim::smtp::grammar
