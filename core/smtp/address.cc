#include "core/smtp/address.h"

#include "core/base/text.h"
#include "core/smtp/address_grammar.h"
#include "core/smtp/local_key.h"

namespace essaim::smtp {
namespace {

Error invalid(std::string_view text, std::string_view why) {
  return Error{ErrorCode::kInvalid,
               "'" + escaped_for_display(text, 80) + "' is not an address: " + std::string(why)};
}

}  // namespace

std::string Address::to_string() const {
  std::string out;
  if (grammar::is_dot_string(local, true)) {
    out = local;
  } else if (!local.empty()) {
    out.push_back('"');
    for (const char c : local) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  if (!domain.empty()) {
    out.push_back('@');
    out += domain;
  }
  return out;
}

bool Address::needs_smtputf8() const {
  return !is_ascii(local);
}

std::string Address::local_key() const {
  return local_key_of(local);
}

Result<Address> parse_mailbox(std::string_view text, LocalPart local_part) {
  if (text.size() > kMaxPath - 2) return invalid(text, "it is too long");
  if (!grammar::is_utf8_text(text)) return invalid(text, "it is not UTF-8");
  Address address;
  std::size_t pos = 0;
  if (const auto trouble =
          grammar::take_local_part(text, &pos, &address.local, local_part == LocalPart::kUtf8))
    return invalid(text, trouble);
  if (pos == text.size()) return invalid(text, "it has no @domain");
  if (text[pos] != '@') return invalid(text, "a character that needs quotation marks in the local part");
  ++pos;
  if (const auto trouble = grammar::take_domain(text, &pos, &address.domain, true))
    return invalid(text, trouble);
  if (pos != text.size()) return invalid(text, "a character that no domain has");
  return address;
}

}  // namespace essaim::smtp
