// Whether the server, as its user, can use what is there of its state directory and its database: what a command that root ran
// has left behind keeps it from starting. For `config check`. Blocking.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smtpd/operate/user.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

// Who the server runs as: "user" of the settings; without it the owner of the state directory, if that is not root, for a service
// manager may have set another. Nothing: nobody can tell, or it is root.
std::optional<User> user_of_server(const Settings& settings);

struct PlacesFound {
  std::vector<std::string> wrong;  // each with its setting, the file, the user, why not, and what to do
  std::string not_judged;          // "": all was
};
PlacesFound check_places(const Settings& settings);

}  // namespace essaim::smtpd::operate
