// What people read about settings, made from the table that loading uses, so that it is always true.
#pragma once

#include <string>
#include <string_view>

#include "core/config/values.h"

namespace essaim::config {

// A complete TOML file with each setting explained: required ones are set to their example, the others stand
// commented out at their default or example. It loads as it is.
std::string render_sample(const Schema& schema);

// The section SETTINGS of essaim.toml(5) in man(7) roff, from ".SH SETTINGS" on.
std::string render_man(const Schema& schema);

// Text for roff: what would be its commands is not.
std::string roff(std::string_view text);

// The effective values as TOML, those by default marked "# default". `config show`.
std::string render_effective(const Values& values);

}  // namespace essaim::config
