// The rows of the table about the database and who shares it: [storage], [cluster].
#pragma once

#include "core/config/schema.h"

namespace essaim::smtpd {

void add_storage_settings(config::Schema* schema);

}  // namespace essaim::smtpd
