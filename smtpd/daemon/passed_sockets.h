// Sockets that a service manager has opened for us (sd_listen_fds(3)): they begin at descriptor 3 and have names. Each
// must fit a [[listen]] of the configuration, by its name (`socket`) or by its address. Blocking; at start, before any
// thread, as it changes the environment: what we start does not take them for its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/net/acceptor.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

struct PassedSocket {
  std::string name;  // "" or "unknown" if it has none
  std::shared_ptr<net::ListenSocket> socket;
};
// None when there is no such manager. kInvalid for what is no listening socket.
Result<std::vector<PassedSocket>> take_passed_sockets();

// One for each of `listen`, null where it has to be bound. kInvalid names a socket that fits none, and what to do.
Result<std::vector<std::shared_ptr<net::ListenSocket>>> assign_sockets(
    const std::vector<ListenSettings>& listen, const std::vector<PassedSocket>& passed);

}  // namespace essaim::smtpd
