#include "delivery/mailbox_text.h"

#include "core/base/text.h"
#include "core/smtp/address.h"
#include "core/smtp/address_grammar.h"

namespace essaim::delivery {
namespace {

bool is_printable(char c) {
  return c >= 32 && c <= 126;
}

bool is_utf8_octet(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool is_domain_char(char c, bool utf8) {
  if (is_utf8_octet(c)) return utf8;
  return c > 32 && c <= 126 && c != '<' && c != '>' && c != '@' && c != '"' && c != '\\' && c != '(' &&
         c != ')' && c != ',' && c != ';';
}

// What nearly all local parts are made of; they need neither quotation nor a closer look.
bool is_plain_local(std::string_view local, bool utf8) {
  char before = '.';
  for (const char c : local) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '+' || c == '=' || (utf8 && is_utf8_octet(c));
    if (!word && (c != '.' || before == '.')) return false;
    before = c;
  }
  return before != '.';
}

}  // namespace

bool append_mailbox(std::string_view local, std::string_view domain, std::string* out, bool utf8) {
  if (local.empty() || domain.empty()) return false;
  for (const char c : domain)
    if (!is_domain_char(c, utf8)) return false;
  if (utf8 && !(smtp::grammar::is_utf8_text(local) && smtp::grammar::is_utf8_text(domain))) return false;
  if (is_plain_local(local, utf8)) {
    if (local.size() + 1 + domain.size() > smtp::kMaxPath - 2) return false;
    out->append(local).append(1, '@').append(domain);
    return true;
  }
  for (const char c : local)
    if (!is_printable(c) && !(utf8 && is_utf8_octet(c))) return false;
  const std::string text = smtp::Address{std::string(local), std::string(domain)}.to_string();
  if (text.size() > smtp::kMaxPath - 2) return false;
  out->append(text);
  return true;
}

bool is_safe_reverse_path(std::string_view text, bool utf8) {
  if (text.size() > smtp::kMaxPath - 2) return false;
  if (utf8 && !smtp::grammar::is_utf8_text(text)) return false;
  const bool quoted = !text.empty() && text.front() == '"';
  for (const char c : text) {
    if (!is_printable(c) && !(utf8 && is_utf8_octet(c))) return false;
    if (!quoted && (c == ' ' || c == '<' || c == '>')) return false;
  }
  return true;
}

bool is_safe_xtext(std::string_view text, std::size_t limit) {
  if (text.empty() || text.size() > limit) return false;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] <= 32 || text[i] > 126 || text[i] == '=') return false;
    if (text[i] == '+' && !(i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]))) return false;
  }
  return true;
}

bool is_safe_header_block(std::string_view block) {
  char before = '\n';  // the block stands at the beginning of a line
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char c = block[i];
    if (c == '\0' || (c == '.' && before == '\n')) return false;
    if ((c == '\n') != (before == '\r' && i > 0)) return false;
    before = c;
  }
  return before == '\n';
}

}  // namespace essaim::delivery
