// A small HTTP/1.1 server on one loop: what status pages, machines and one-click links need. Our own parser on
// net::Connection and not evhttp, which bounds neither how long a request may take as a whole nor how many connections
// there are (libevent 2.1), and has no TLS of its own.
//
// Slow and hostile clients: the whole of a request has one deadline, so has the taking of a response, and no request behind
// it is looked at before; a connection without a request is closed after `idle`. When the places are all taken and a newcomer
// needs one, the client who has most gives one up: that of the connection from which a whole request has been missing for
// the longest. Who waits for an answer keeps his place.
//
// Thread: its loop's. Destroying it closes all connections; responses that come later are dropped.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/http/request_parser.h"
#include "core/http/routes.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"
#include "core/net/tls.h"

namespace essaim::http {

struct ServerSettings {
  RequestLimits limits{};
  std::size_t connections = 200;
  std::size_t connections_per_client = 50;  // 0: no limit, as for proxies
  int ipv6_client_bits = 64;                // of a peer's address that make it a client; of IPv4 all do
  int requests_per_connection = 1'000;
  Duration request_deadline =
      std::chrono::seconds(10);  // from its first octet, or the connection's begin, to its end
  Duration answer_deadline = std::chrono::seconds(30);    // for the handler
  Duration response_deadline = std::chrono::seconds(30);  // for the client to take it
  Duration idle = std::chrono::seconds(30);               // between requests
  // Proxies whose word on the client is believed, and the field in which they say it: "x-forwarded-for", "forwarded".
  std::function<bool(const std::string& ip)> trusted_proxy{};
  std::string forwarded = "x-forwarded-for";
  std::shared_ptr<net::TlsServerContext> tls{};  // null: in clear
};

class Server {
 public:
  // `routes` outlives it.
  Server(net::EventLoop& loop, ServerSettings settings, const Routes& routes);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void adopt(int fd, const net::SocketAddress& peer);  // of an Acceptor; takes the descriptor
  std::size_t connections() const;
  // For connections and requests from now on; who is one client stays as it was.
  void reconfigure(ServerSettings settings);
  // Connections without a request end at once, the others with their response.
  void shut_down();

 private:
  friend class ServerConnection;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::http
