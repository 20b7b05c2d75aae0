// Opens the database of the settings: a file, which is made for the server's user when it is missing, or one on a
// server. kConflict: a restore is not finished (restore.h). Blocking.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"

namespace essaim::smtpd::operate {

// Whether `state` and the folder of the database's file are directories, or can be made where their parent is. The error names
// the setting.
Result<void> require_places(const Settings& settings);

storage::DatabaseOptions database_options(const Settings& settings, const std::string& password, int readers);
// `password` as from database_password(). The folder of a file is made, and the state directory where it is to lie in that.
Result<std::unique_ptr<storage::Database>> open_database(const Settings& settings,
                                                         const std::string& password, int readers);

// kNotFound: there is no file yet, or the settings name another one than is meant. Fine for a database on a server.
Result<void> require_database_file(const Settings& settings);

// Where the file of the database is, not a link to it: SQLite puts its log beside the file. "" for one on a server.
std::string database_place(const Settings& settings);

// Makes a directory (not its parents) of mode 0750, owned by the server's user when we are root and one is
// set.
Result<void> make_directory(const std::string& path, const Settings& settings);

}  // namespace essaim::smtpd::operate
