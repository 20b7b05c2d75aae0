// Whether a directory has an entry that fits: for rules that ask one. One connection for each. Blocks; thread-safe.
#pragma once

#include <string>

#include "core/base/result.h"
#include "smtpd/accounts/ldap_source.h"

namespace essaim::smtpd {

enum class LdapScope { kSub, kOne, kBase };

// Of the options: url, starttls, ca_file, base, filter (as it is), search_dn, search_password, timeout. kTemporary: why it
// could not be told.
Result<bool> ldap_has_entry(const LdapOptions& options, LdapScope scope);

}  // namespace essaim::smtpd
