// The rows of the table about what clients may do: [limits], [early_talk], [extensions].
#pragma once

#include "core/config/schema.h"

namespace essaim::smtpd {

void add_limit_settings(config::Schema* schema);

}  // namespace essaim::smtpd
