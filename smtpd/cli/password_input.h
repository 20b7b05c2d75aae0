// A password from the person at the terminal (asked for twice, not shown), or the first line of standard input where that is none. Never
// from the command line, which others can see.
#pragma once

#include <string>

#include "core/base/result.h"

namespace essaim::smtpd::cli {

// kInvalid if there is none, or the two are not the same.
Result<std::string> read_password(const std::string& prompt);

}  // namespace essaim::smtpd::cli
