#include "smtpd/accounts/ldap_source.h"

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "smtpd/accounts/ldap_session.h"

namespace essaim::smtpd {
namespace {

// {name} replaced by what `escape` makes of it.
template <typename Escape>
std::string filled(std::string_view pattern, std::string_view name, const Escape& escape) {
  constexpr std::string_view kSlot = "{name}";
  std::string value;
  for (std::size_t i = 0; i < name.size(); ++i) escape(name, i, &value);
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t slot = pattern.find(kSlot, at);
    out += pattern.substr(at, slot - at);
    if (slot == std::string_view::npos) return out;
    out += value;
    at = slot + kSlot.size();
  }
}

void add_hex(char c, std::string* out) {
  *out += "\\" + hex_encoded({&c, 1});
}

LdapAnswer trouble(std::string problem) {
  return {LdapAnswer::Kind::kTrouble, {}, std::move(problem)};
}

// The entry's name is wrong, or its password.
bool is_refusal(int result) {
  return result == LDAP_INVALID_CREDENTIALS || result == LDAP_NO_SUCH_OBJECT ||
         result == LDAP_INVALID_DN_SYNTAX || result == LDAP_INAPPROPRIATE_AUTH ||
         result == LDAP_UNWILLING_TO_PERFORM;
}

}  // namespace

std::string fill_dn(std::string_view pattern, std::string_view name) {
  return filled(pattern, name, [](std::string_view whole, std::size_t i, std::string* out) {
    const char c = whole[i];
    const bool at_end = i == 0 || i + 1 == whole.size();
    const bool special = std::string_view(",+\"\\<>;=/").find(c) != std::string_view::npos ||
                         static_cast<unsigned char>(c) < 32 || (at_end && (c == ' ' || c == '#'));
    if (special)
      add_hex(c, out);
    else
      *out += c;
  });
}

std::string fill_filter(std::string_view pattern, std::string_view name) {
  return filled(pattern, name, [](std::string_view whole, std::size_t i, std::string* out) {
    const char c = whole[i];
    if (std::string_view("*()\\").find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 32)
      add_hex(c, out);
    else
      *out += c;
  });
}

LdapAnswer ldap_login(const LdapOptions& options, const std::string& name, const std::string& password) {
  if (password.empty()) return {LdapAnswer::Kind::kBad, {}, {}};
  LdapSession session(options);
  if (auto problem = session.connect()) return trouble(*std::move(problem));
  LdapSession::Message found;
  std::string dn = fill_dn(options.bind_dn, name);
  if (dn.empty()) {
    int result = session.bind(options.search_dn, options.search_password);
    if (result != LDAP_SUCCESS) return trouble(session.problem("bind as " + options.search_dn, result));
    result = session.search(options.base, LDAP_SCOPE_SUBTREE, fill_filter(options.filter, name), &found);
    // Of several that fit none is the one.
    if (result == LDAP_SIZELIMIT_EXCEEDED) return {LdapAnswer::Kind::kBad, {}, {}};
    if (result != LDAP_SUCCESS && result != LDAP_NO_SUCH_OBJECT)
      return trouble(session.problem("search below " + options.base, result));
    dn = session.only_dn(found);
    if (dn.empty()) return {LdapAnswer::Kind::kBad, {}, {}};
  }
  const int result = session.bind(dn, password);
  if (is_refusal(result)) return {LdapAnswer::Kind::kBad, {}, {}};
  if (result != LDAP_SUCCESS) return trouble(session.problem("bind", result));
  // As the person reads the own entry.
  if (session.search(dn, LDAP_SCOPE_BASE, "(objectClass=*)", &found) != LDAP_SUCCESS) found.reset();
  return {LdapAnswer::Kind::kGood, found ? session.addresses(found) : std::vector<std::string>{}, {}};
}

}  // namespace essaim::smtpd
