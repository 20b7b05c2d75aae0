// Listening sockets. A ListenSocket is bound once (before privileges are dropped); each loop that serves it
// has its own Acceptor on the same descriptor, and the kernel wakes one of them (EPOLLEXCLUSIVE is not
// needed: accept4 that finds nothing returns).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"

namespace essaim::net {

class ListenSocket {
 public:
  // Port 0 takes any free one; address() tells which. The error names the address.
  static Result<std::shared_ptr<ListenSocket>> bind(const SocketAddress& address, int backlog = 1024);
  // A UNIX socket at `path` with exactly this mode. A stale file that nobody listens on is replaced; one that
  // somebody serves is kExists. The file goes with the object.
  static Result<std::shared_ptr<ListenSocket>> bind_unix(const std::string& path, unsigned mode,
                                                         int backlog = 64);
  // Takes over a descriptor that already listens (socket activation); address() is not valid() for UNIX
  // sockets.
  static Result<std::shared_ptr<ListenSocket>> adopt(int fd);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  int fd() const { return fd_; }
  const SocketAddress& address() const { return address_; }

 private:
  ListenSocket(int fd, SocketAddress address) : fd_(fd), address_(address) {}
  int fd_;
  SocketAddress address_;
  std::string path_;  // of a UNIX socket of ours
};

// Also for UNIX sockets (the admin socket): the callback's peer is then not valid().
class Acceptor {
 public:
  // Gets the descriptor (non-blocking, close-on-exec) and owns it.
  using Callback = std::function<void(int fd, const SocketAddress& peer)>;
  Acceptor(EventLoop& loop, std::shared_ptr<ListenSocket> socket, Callback callback);
  ~Acceptor();  // stops accepting
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  // Out of descriptors, it pauses for 100 ms and says so once; see log event "accept-failed".

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::net
