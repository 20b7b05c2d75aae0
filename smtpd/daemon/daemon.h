// The server: reads the configuration, puts all parts together, runs until it is told to end.
#pragma once

#include <string>

#include "core/base/result.h"

namespace essaim::smtpd {

// Blocking, on the main thread, before any other thread exists. SIGTERM and SIGINT drain and end it (ok),
// SIGHUP reads the configuration again. An error tells why it could not start; kInvalid for the
// configuration. *name_taken: another server has this one's host name; a restart would be of no use, or end that one.
Result<void> serve(const std::string& config_file, bool* name_taken);

}  // namespace essaim::smtpd
