// Who has the address that we cannot listen on, for whoever has to read why. Linux only; reads /proc, at a failed start.
#pragma once

#include <string>

#include <sys/types.h>

#include "core/net/socket_address.h"

namespace essaim::net {

// "process 812 (master)", several with commas between, at most three; "" where nobody is found: the socket belongs to another
// user and we are not root, or to another container.
std::string port_holder(const SocketAddress& address);

// "process 812 (master)"; without its name where that cannot be read.
std::string process_name(pid_t pid);

}  // namespace essaim::net
