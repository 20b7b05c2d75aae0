// The rows of the table about mail filters, [[filter]], and how they are read and checked together.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/schema.h"
#include "core/config/values.h"
#include "core/net/socket_address.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

void add_filter_settings(config::Schema* schema);
// "127.0.0.1:11332", "[::1]:11332", "unix:/run/clamav/clamav-milter.ctl".
Result<net::SocketAddress> parse_filter_address(const std::string& text);

// In the order of the file.
std::vector<FilterSettings> read_filters(const config::Values& values);
// What one row cannot see: "[[filter]] 2 (rspamd): ..."; "" if nothing is wrong.
std::string wrong_with(const std::vector<FilterSettings>& filters);

}  // namespace essaim::smtpd
