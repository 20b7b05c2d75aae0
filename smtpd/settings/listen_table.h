// The rows of the table about where connections come in, [[listen]] and [balancer], and how they are read and checked
// together.
#pragma once

#include <string>
#include <vector>

#include "core/config/schema.h"
#include "core/config/values.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

void add_listen_settings(config::Schema* schema);

std::vector<ListenSettings> read_listeners(const config::Values& values);
// What one row cannot see; "" if nothing is wrong.
std::string wrong_with(const std::vector<ListenSettings>& listen);

// As `role` names it.
const char* to_string(ListenerRole role);

}  // namespace essaim::smtpd
