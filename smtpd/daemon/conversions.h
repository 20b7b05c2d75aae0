// From the program's settings to those of its parts. Pure, but for own_addresses().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/net/acceptor.h"
#include "core/net/socket_address.h"
#include "delivery/engine.h"
#include "smtpd/accounts/account_service.h"
#include "smtpd/session/settings.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

// `own_port`: see delivery/next_hop.h.
delivery::EngineSettings engine_settings(const Settings& settings, std::vector<std::string> own_addresses,
                                         std::uint16_t own_port);
SessionSettings session_settings(const Settings& settings, const ListenSettings& listener);
// Blocking: reads the files with passwords.
// Reads the files with secrets. At a reload, as the user that the server runs as: one that cannot be read keeps the secret
// that `running` has of it, if its name is the same.
Result<AccountOptions> account_options(const Settings& settings);
Result<AccountOptions> account_options(const Settings& settings, const Settings& before,
                                       const AccountOptions& running);
// Addresses at which an MX host on the delivery port would be ourselves: where we listen on that port. A
// listener on all addresses means those of all interfaces.
std::vector<std::string> own_addresses(const Settings& settings,
                                       const std::vector<net::SocketAddress>& listeners);

}  // namespace essaim::smtpd
