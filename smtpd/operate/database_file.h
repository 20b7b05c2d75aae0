// Opens the database, making its file for the server's user when it is missing. Blocking.
#pragma once

#include <memory>

#include "core/base/result.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"

namespace essaim::smtpd::operate {

Result<std::unique_ptr<storage::Database>> open_database(const Settings& settings, int readers);

// Makes a directory (not its parents) of mode 0750, owned by the server's user when we are root and one is
// set.
Result<void> make_directory(const std::string& path, const Settings& settings);

}  // namespace essaim::smtpd::operate
