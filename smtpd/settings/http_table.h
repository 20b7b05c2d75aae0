// The rows of the table about pages and links, [http], and how they are read.
#pragma once

#include "core/config/schema.h"
#include "core/config/values.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

void add_http_settings(config::Schema* schema);
HttpSettings read_http(const config::View& view);

}  // namespace essaim::smtpd
