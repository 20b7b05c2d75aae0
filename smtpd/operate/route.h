// Where mail for a domain would go now, looked up without a running server. Blocking, on a loop of its own.
#pragma once

#include <string>
#include <vector>

#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

struct Route {
  std::string summary{};             // "2 hosts", "does not take mail: ...", "cannot be found out now: ..."
  std::vector<std::string> hosts{};  // in order of preference
  std::string settings{};            // that hold for it, lines
};
// By which names the destination of a domain may be suspended: its own, and the smart host with and without port.
std::vector<std::string> names_of_destination(const Settings& settings, const std::string& domain);
// Whether mail for any domain goes to a smart host of that name.
bool is_smarthost(const Settings& settings, const std::string& name);

Route find_route(const Settings& settings, const std::string& domain);

}  // namespace essaim::smtpd::operate
