#include "core/http/server.h"

#include <map>
#include <unordered_map>

#include <sys/socket.h>

#include "core/base/log.h"
#include "core/http/server_connection.h"
#include "core/net/linger.h"

namespace essaim::http {

struct Server::Impl {
  net::EventLoop& loop;
  ServerSettings settings;
  const Routes& routes;
  std::map<ServerConnection*, std::unique_ptr<ServerConnection>> connections;
  std::unordered_map<std::string, std::size_t> by_client;
  bool stopping = false;

  void ended(ServerConnection* connection) {
    const auto found = connections.find(connection);
    if (found == connections.end()) return;
    const auto client = by_client.find(connection->peer_ip());
    if (--client->second == 0) by_client.erase(client);
    loop.destroy_later(std::move(found->second));
    connections.erase(found);
  }

  // Of those who wait with nothing under way, the one who has longest.
  ServerConnection* longest_idle() const {
    ServerConnection* found = nullptr;
    for (const auto& [connection, owner] : connections)
      if (connection->idle() && (found == nullptr || connection->idle_since() < found->idle_since()))
        found = connection;
    return found;
  }

  bool has_place_for(const std::string& ip) {
    const auto client = by_client.find(ip);
    const bool is_proxy = settings.trusted_proxy && settings.trusted_proxy(ip);
    if (settings.connections_per_client > 0 && !is_proxy && client != by_client.end() &&
        client->second >= settings.connections_per_client)
      return false;
    if (connections.size() < settings.connections) return true;
    ServerConnection* const idle = longest_idle();
    if (idle == nullptr) return false;
    ended(idle);
    return true;
  }
};

Server::Server(net::EventLoop& loop, ServerSettings settings, const Routes& routes)
    : impl_(std::make_unique<Impl>(Impl{loop, std::move(settings), routes, {}, {}, false})) {}

Server::~Server() {
  for (auto& [key, connection] : impl_->connections) impl_->loop.destroy_later(std::move(connection));
}

void Server::adopt(int fd, const net::SocketAddress& peer) {
  const std::string ip = peer.ip();
  if (impl_->stopping || !impl_->has_place_for(ip)) {
    log::info("http-refused",
              {{"client", ip}, {"why", impl_->stopping ? "stopping" : "too many connections"}});
    const std::string text =
        impl_->settings.tls ? ""
                            : to_wire(error_response(503, "too many connections"),
                                      {.head = false, .keep_alive = false, .now = system_clock().wall_now()});
    static_cast<void>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    return net::linger_and_close(impl_->loop, fd);
  }
  ++impl_->by_client[ip];
  auto connection =
      std::make_unique<ServerConnection>(impl_->loop, fd, peer, impl_->settings, impl_->routes,
                                         [impl = impl_.get()](ServerConnection* c) { impl->ended(c); });
  ServerConnection* const key = connection.get();
  impl_->connections[key] = std::move(connection);
}

std::size_t Server::connections() const {
  return impl_->connections.size();
}

void Server::set_tls(std::shared_ptr<net::TlsServerContext> tls) {
  impl_->settings.tls = std::move(tls);
}

void Server::set_trusted_proxy(std::function<bool(const std::string& ip)> trusted) {
  impl_->settings.trusted_proxy = std::move(trusted);
}

void Server::shut_down() {
  impl_->stopping = true;
  for (auto& [key, connection] : impl_->connections) connection->shut_down();
}

}  // namespace essaim::http
