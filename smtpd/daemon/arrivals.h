// Connections between accept() and their session. Who comes from a listed load balancer must begin with a PROXY
// header, which is read before anything is said; whoever else begins so is taken for what it is, a client that talks
// nonsense. Then the client's name is looked up: the name of its address, if that name has this address (RFC 8601
// calls it iprev). The session waits for it, but not for long.
//
// Made, used and destroyed on its loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"
#include "smtpd/guard/network.h"
#include "smtpd/session/origin.h"

namespace essaim::smtpd {

// Of a listener: who must speak the PROXY protocol, and how long the header may take.
struct Balancers {
  std::vector<guard::Network> networks;
  Duration patience = std::chrono::seconds(5);
  bool include(const net::SocketAddress& peer) const;
};

class Arrivals {
 public:
  // Each begin() ends in one of these, never from within it but for clients whose name is not looked up.
  using Arrived = std::function<void(int fd, Origin origin, std::size_t listener)>;
  using Gone = std::function<void()>;  // the descriptor is closed, the reason logged

  Arrivals(net::EventLoop& loop, dns::Resolver& resolver, Arrived arrived, Gone gone);
  ~Arrivals();
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  void begin(int fd, const net::SocketAddress& peer, std::size_t listener, const Balancers& balancers);
  void clear();  // closes all that are under way; Gone is called for each

 private:
  class Arrival;
  void look_up_name(int fd, Origin origin, std::size_t listener);
  void forget(const std::string& ip);
  std::shared_ptr<Arrival> take(Arrival* arrival);

  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  const Arrived arrived_;
  const Gone gone_;
  std::map<Arrival*, std::unique_ptr<Arrival>> arrivals_;
  std::unordered_map<std::string, std::size_t> by_client_;  // whose name is being looked up
};

}  // namespace essaim::smtpd
