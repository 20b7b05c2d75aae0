// Where a connection comes from, as it is known when its session begins. A value.
#pragma once

#include <string>

#include "core/net/socket_address.h"

namespace essaim::smtpd {

struct Origin {
  net::SocketAddress client;   // behind a balancer, as its PROXY header says
  std::string reverse_name{};  // verified name of the client's address; empty: unknown
  net::SocketAddress proxy{};  // the balancer; not valid() for those who come by themselves
  // The balancer speaks for itself (LOCAL, UNKNOWN): it looks whether we are well. That it says nothing, or goes in the
  // middle, is nobody's error, and it is not limited.
  bool check = false;
};

}  // namespace essaim::smtpd
