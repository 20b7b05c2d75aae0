// Listening sockets. A ListenSocket is bound once (before privileges are dropped); each loop that serves it has its own
// Acceptor on the same descriptor, and the kernel wakes one of them (EPOLLEXCLUSIVE is not needed: accept4 that finds
// nothing returns).
#pragma once

#include <functional>
#include <memory>

#include "core/base/result.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"

namespace essaim::net {

class ListenSocket {
 public:
  // Port 0 takes any free one; address() tells which. The error names the address.
  static Result<std::shared_ptr<ListenSocket>> bind(const SocketAddress& address, int backlog = 1024);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  int fd() const { return fd_; }
  const SocketAddress& address() const { return address_; }

 private:
  ListenSocket(int fd, SocketAddress address) : fd_(fd), address_(std::move(address)) {}
  int fd_;
  SocketAddress address_;
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
