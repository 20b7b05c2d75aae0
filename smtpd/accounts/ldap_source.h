// Passwords that a directory knows: a simple bind (RFC 4511 §4.2) as the entry of the person. The entry is named by a pattern, or found
// by a search; its addresses are read from an attribute. One connection for each login. Blocks: on threads of the accounts only.
// Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace essaim::smtpd {

struct LdapOptions {
  std::string url;  // "ldap://...", "ldaps://..."; "": there is no directory
  bool starttls = false;
  std::string ca_file;
  std::string bind_dn;                     // "uid={name},ou=people,dc=example,dc=org"; "": it is searched for
  std::string base, filter;                // the filter with {name}
  std::string search_dn, search_password;  // who searches; "": anonymous
  std::string mail_attribute = "mail";
  Duration timeout = std::chrono::seconds(5);  // for each step
  bool may_relay = false;                      // all of the directory
};

struct LdapAnswer {
  enum class Kind { kGood, kBad, kTrouble };
  Kind kind = Kind::kTrouble;
  std::vector<std::string> addresses;
  std::string problem;  // of trouble
};

// `password` must not be empty: a bind without one says nothing (RFC 4513 §5.1.2).
LdapAnswer ldap_login(const LdapOptions& options, const std::string& name, const std::string& password);

// "{name}" with the name as it may stand in a DN (RFC 4514 §2.4), in a filter (RFC 4515 §3).
std::string fill_dn(std::string_view pattern, std::string_view name);
std::string fill_filter(std::string_view pattern, std::string_view name);

}  // namespace essaim::smtpd
