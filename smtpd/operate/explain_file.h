// What would become of a message in a file if it were posted to a list now: verified, planned, rendered, and thrown
// away. Blocking; look-ups run on a loop of their own.
#pragma once

#include <string>

#include "lists/services.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"

namespace essaim::smtpd::operate {

struct FileToExplain {
  std::string path, list;
  std::string client = "127.0.0.1";
  std::string helo, from;
};

// Lines for people. kNotFound: no such list; kIo: the file; kInvalid: no message in it.
Result<std::string> explain_file(const Settings& settings, storage::Database& database,
                                 lists::Services services, const FileToExplain& file);

}  // namespace essaim::smtpd::operate
