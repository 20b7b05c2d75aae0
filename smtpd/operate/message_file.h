// A message in a file, for commands that look at one. Blocking.
#pragma once

#include <string>

#include "core/base/result.h"

namespace essaim::smtpd::operate {

// With the line ends of the wire. kIo: the file.
Result<std::string> message_in(const std::string& path);

}  // namespace essaim::smtpd::operate
