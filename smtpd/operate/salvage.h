// Saves what can be read of a damaged database file into a new one (storage/salvage.h), which is the server's user's then.
#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"
#include "smtpd/settings/settings.h"
#include "storage/salvage.h"

namespace essaim::smtpd::operate {

// Whether it is the file that the settings name: then the state directory is to be locked by the caller.
bool is_database_of(const Settings& settings, const std::string& file);

// kNotFound: there is no such file; kExists: there is a new one already; kConflict: a process has the file open; kExhausted: no room for
// another file of its size where the new one is to be. Else as storage::salvage(). Blocking.
Result<storage::Salvaged> salvage(const Settings& settings, const std::string& file, const std::string& to,
                                  const std::function<void(const storage::SalvagedTable&)>& progress);

}  // namespace essaim::smtpd::operate
