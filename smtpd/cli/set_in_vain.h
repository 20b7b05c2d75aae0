// Of a change of settings that was made: what of it does nothing, on standard error. It is kept, so that what was exported is
// applied as it is.
#pragma once

#include <string>

#include "lists/admin.h"
#include "smtpd/cli/site.h"

namespace essaim::smtpd::cli {

// `place`: a list's address, or a domain.
void tell_of_set_in_vain(Site& site, const std::string& place, const lists::SettingChanges& changes);

}  // namespace essaim::smtpd::cli
