// The table of the program's settings: the one place where a setting is declared. Loading, checking, `config
// show`, contrib/essaim.toml and essaim.toml(5) are made from it. Immutable; thread-safe.
#pragma once

#include <memory>

#include "core/config/schema.h"

namespace essaim::smtpd {

std::shared_ptr<const config::Schema> settings_schema();

}  // namespace essaim::smtpd
