// A connection to a directory, by libldap. Blocks; each step within the options' timeout (where an answer begins and does not go on,
// twice that), and an answer has 1 MB at most. One thread at a time. Internal to smtpd/accounts, the one place that includes the
// library.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ldap.h>

#include "smtpd/accounts/ldap_source.h"

namespace essaim::smtpd {

class LdapSession {
 public:
  struct FreeMessage {
    void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
  };
  using Message = std::unique_ptr<LDAPMessage, FreeMessage>;

  // The options outlive it.
  explicit LdapSession(const LdapOptions& options) : options_(options) {}
  LdapSession(const LdapSession&) = delete;
  LdapSession& operator=(const LdapSession&) = delete;

  // Nothing, or what went wrong.
  std::optional<std::string> connect();
  // These give result codes of LDAP.
  int bind(const std::string& dn, const std::string& password);
  // Two entries at most: one is the person, two are a mistake.
  int search(const std::string& base, int scope, const std::string& filter, Message* out);

  int entries(const Message& message) { return ldap_count_entries(handle_.get(), message.get()); }
  // "" unless there is exactly one.
  std::string only_dn(const Message& message);
  std::vector<std::string> addresses(const Message& message);
  std::string problem(const std::string& what, int result);

 private:
  struct Unbind {
    void operator()(LDAP* ldap) const { ldap_unbind_ext_s(ldap, nullptr, nullptr); }
  };
  const LdapOptions& options_;
  ldap_conncb connected_{};  // the handle refers to it
  std::unique_ptr<LDAP, Unbind> handle_;
};

}  // namespace essaim::smtpd
