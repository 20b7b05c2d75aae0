#include "smtpd/accounts/ldap_question.h"

#include "smtpd/accounts/ldap_session.h"

namespace essaim::smtpd {
namespace {

int code_of(LdapScope scope) {
  switch (scope) {
    case LdapScope::kOne:
      return LDAP_SCOPE_ONELEVEL;
    case LdapScope::kBase:
      return LDAP_SCOPE_BASE;
    case LdapScope::kSub:
      break;
  }
  return LDAP_SCOPE_SUBTREE;
}

}  // namespace

Result<bool> ldap_has_entry(const LdapOptions& options, LdapScope scope) {
  LdapSession session(options);
  if (auto problem = session.connect()) return Error{ErrorCode::kTemporary, *std::move(problem)};
  int result = session.bind(options.search_dn, options.search_password);
  if (result != LDAP_SUCCESS)
    return Error{ErrorCode::kTemporary, session.problem("bind as " + options.search_dn, result)};
  LdapSession::Message found;
  result = session.search(options.base, code_of(scope), options.filter, &found);
  if (result == LDAP_SIZELIMIT_EXCEEDED) return true;
  if (result != LDAP_SUCCESS)
    return Error{ErrorCode::kTemporary, session.problem("search below " + options.base, result)};
  return session.entries(found) > 0;
}

}  // namespace essaim::smtpd
