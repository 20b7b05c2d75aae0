#include "delivery/mailbox_text.h"

#include "core/smtp/address.h"

namespace essaim::delivery {
namespace {

bool is_printable(char c) {
  return c >= 32 && c <= 126;
}

bool is_domain_char(char c) {
  return c > 32 && c <= 126 && c != '<' && c != '>' && c != '@' && c != '"' && c != '\\' && c != '(' &&
         c != ')' && c != ',' && c != ';';
}

// What nearly all local parts are made of; they need neither quotation nor a closer look.
bool is_plain_local(std::string_view local) {
  char before = '.';
  for (const char c : local) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '+' || c == '=';
    if (!word && (c != '.' || before == '.')) return false;
    before = c;
  }
  return before != '.';
}

}  // namespace

bool append_mailbox(std::string_view local, std::string_view domain, std::string* out) {
  if (local.empty() || domain.empty()) return false;
  for (const char c : domain)
    if (!is_domain_char(c)) return false;
  if (is_plain_local(local)) {
    if (local.size() + 1 + domain.size() > smtp::kMaxPath - 2) return false;
    out->append(local).append(1, '@').append(domain);
    return true;
  }
  for (const char c : local)
    if (!is_printable(c)) return false;
  const std::string text = smtp::Address{std::string(local), std::string(domain)}.to_string();
  if (text.size() > smtp::kMaxPath - 2) return false;
  out->append(text);
  return true;
}

bool is_safe_reverse_path(std::string_view text) {
  if (text.size() > smtp::kMaxPath - 2) return false;
  const bool quoted = !text.empty() && text.front() == '"';
  for (const char c : text) {
    if (!is_printable(c)) return false;
    if (!quoted && (c == ' ' || c == '<' || c == '>')) return false;
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
