// Reads a TOML file by a schema. All mistakes of a file come back in one error, a line each:
//   /etc/essaim.toml:12:3: unknown setting "smart_host" in [delivery]; did you mean "smarthost"?
// Blocking; called at start and on reload, never on a loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/config/values.h"

namespace essaim::config {

// kInvalid: the file is wrong. kNotFound / kIo: it cannot be read.
Result<Values> load_file(std::shared_ptr<const Schema> schema, const std::string& path);
// `name` stands for the file in messages.
Result<Values> load_text(std::shared_ptr<const Schema> schema, std::string_view text,
                         const std::string& name);

}  // namespace essaim::config
