// Files and standard input, read whole. What cannot be read to its end is an error, never a shorter text. Blocking.
#pragma once

#include <string>

#include "core/base/result.h"

namespace essaim {

// kIo, with the path and the reason; of a directory, too, which can be opened and not read.
Result<std::string> read_file(const std::string& path);
Result<std::string> read_standard_input();

}  // namespace essaim
