#include "core/http/server.h"

#include <map>
#include <unordered_map>

#include <sys/socket.h>

#include "core/base/log.h"
#include "core/base/network.h"
#include "core/http/server_connection.h"
#include "core/net/linger.h"

namespace essaim::http {

struct Server::Impl {
  struct Place {
    std::unique_ptr<ServerConnection> connection;
    Network client;
  };

  net::EventLoop& loop;
  ServerSettings settings;
  const Routes& routes;
  std::map<ServerConnection*, Place> connections;
  std::unordered_map<Network, std::size_t, NetworkHash> by_client;
  bool stopping = false;

  Network client_of(const std::string& ip) const {
    return parse_network(ip).value_or(Network{}).prefix(32, settings.ipv6_client_bits);
  }

  void ended(ServerConnection* connection) {
    const auto found = connections.find(connection);
    if (found == connections.end()) return;
    const auto client = by_client.find(found->second.client);
    if (--client->second == 0) by_client.erase(client);
    loop.destroy_later(std::move(found->second.connection));
    connections.erase(found);
  }

  // By the number of its client's connections, not by what came of a request: who sends many requests and ends none would keep all
  // places, and take that of a newcomer who has not said anything yet.
  ServerConnection* gives_way() const {
    ServerConnection* found = nullptr;
    std::size_t most = 0;
    for (const auto& [connection, place] : connections) {
      if (!connection->reading()) continue;
      const std::size_t has = by_client.at(place.client);
      if (found != nullptr && (has < most || (has == most && connection->since() >= found->since())))
        continue;
      found = connection;
      most = has;
    }
    return found;
  }

  bool has_place_for(const std::string& ip, const Network& network) {
    const auto client = by_client.find(network);
    const bool is_proxy = settings.trusted_proxy && settings.trusted_proxy(ip);
    if (settings.connections_per_client > 0 && !is_proxy && client != by_client.end() &&
        client->second >= settings.connections_per_client)
      return false;
    if (connections.size() < settings.connections) return true;
    ServerConnection* const other = gives_way();
    if (other == nullptr) return false;
    log::info("http-refused", {{"client", other->peer_ip()}, {"why", "another client needs its place"}});
    ended(other);
    return true;
  }
};

Server::Server(net::EventLoop& loop, ServerSettings settings, const Routes& routes)
    : impl_(std::make_unique<Impl>(Impl{loop, std::move(settings), routes, {}, {}, false})) {}

Server::~Server() {
  for (auto& [key, place] : impl_->connections) impl_->loop.destroy_later(std::move(place.connection));
}

void Server::adopt(int fd, const net::SocketAddress& peer) {
  const std::string ip = peer.ip();
  const Network client = impl_->client_of(ip);
  if (impl_->stopping || !impl_->has_place_for(ip, client)) {
    log::info("http-refused",
              {{"client", ip}, {"why", impl_->stopping ? "stopping" : "too many connections"}});
    const std::string text =
        impl_->settings.tls ? ""
                            : to_wire(error_response(503, "too many connections"),
                                      {.head = false, .keep_alive = false, .now = system_clock().wall_now()});
    static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    return net::linger_and_close(impl_->loop, fd);
  }
  ++impl_->by_client[client];
  auto connection =
      std::make_unique<ServerConnection>(impl_->loop, fd, peer, impl_->settings, impl_->routes,
                                         [impl = impl_.get()](ServerConnection* c) { impl->ended(c); });
  ServerConnection* const key = connection.get();
  impl_->connections[key] = {std::move(connection), client};
}

std::size_t Server::connections() const {
  return impl_->connections.size();
}

void Server::reconfigure(ServerSettings settings) {
  settings.ipv6_client_bits = impl_->settings.ipv6_client_bits;  // those that are counted are counted so
  impl_->settings = std::move(settings);
}

void Server::shut_down() {
  impl_->stopping = true;
  for (auto& [key, place] : impl_->connections) place.connection->shut_down();
}

}  // namespace essaim::http
