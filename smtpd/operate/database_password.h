// Where the password of the database's user comes from. Never from the URL, a command line or a log.
#pragma once

#include <string>

#include "core/base/result.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

// The first line of storage.password_file if that is set; else of the systemd credential "database-password"; else the
// variable ESSAIM_DATABASE_PASSWORD; else "". kInvalid or kIo names the file and what is wrong: also one that everybody may
// read. Blocking; before the server becomes its user, who may have no right to the file.
Result<std::string> database_password(const Settings& settings);

// The same for a file that is named elsewhere ("--password-file"); `file` "" is as without the setting.
Result<std::string> database_password_from(const std::string& file);

}  // namespace essaim::smtpd::operate
