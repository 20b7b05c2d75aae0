// Where mail for a domain would go now, looked up without a running server. Blocking, on a loop of its own.
#pragma once

#include <string>
#include <vector>

#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

struct Route {
  std::string summary;             // "2 hosts", "does not take mail: ...", "cannot be found out now: ..."
  std::vector<std::string> hosts;  // in order of preference
};
Route find_route(const Settings& settings, const std::string& domain);

}  // namespace essaim::smtpd::operate
