// What several settings must be, for config::Setting::check, and how such texts are read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/values.h"
#include "smtpd/guard/network.h"

namespace essaim::smtpd {

std::string must_be_absolute(const std::string& path);
std::string must_be_domain(const std::string& text);
std::string must_be_network(const std::string& text);

// Of a list whose texts have been checked.
std::vector<guard::Network> read_networks(const config::View& view, std::string_view name);

}  // namespace essaim::smtpd
