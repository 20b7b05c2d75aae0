// What stays while the server begins a new epoch in the same process: nobody is refused meanwhile, and whoever asks hears
// that it is not ready.
#pragma once

#include <memory>
#include <vector>

#include "core/net/acceptor.h"
#include "smtpd/status/status_server.h"

namespace essaim::smtpd {

struct Lasting {
  std::vector<std::shared_ptr<net::ListenSocket>> sockets;  // one for each listener
  std::unique_ptr<StatusServer> status;                     // null: no listener of that role
};

}  // namespace essaim::smtpd
