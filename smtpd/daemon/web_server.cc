#include "smtpd/daemon/web_server.h"

#include <algorithm>

#include "core/base/executor.h"
#include "web/static_files.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kGrace = std::chrono::seconds(2);

std::function<bool(const std::string&)> is_among(std::vector<guard::Network> proxies) {
  if (proxies.empty()) return {};
  return [proxies = std::move(proxies)](const std::string& ip) {
    const auto address = guard::parse_network(ip);
    return address && std::any_of(proxies.begin(), proxies.end(),
                                  [&](const guard::Network& network) { return network.contains(*address); });
  };
}

}  // namespace

WebServer::WebServer(const lists::Services& services, const HttpSettings& settings, int ipv6_client_bits,
                     std::function<bool()> may_act, const std::vector<Listener>& listeners)
    : ipv6_client_bits_(ipv6_client_bits),
      leave_pages_(services, may_act),
      answer_pages_(services, std::move(may_act)) {
  leave_pages_.add_to(&routes_);
  answer_pages_.add_to(&routes_);
  web::add_static_files(&routes_);
  for (const Listener& listener : listeners) {
    servers_.push_back(std::make_unique<http::Server>(loop_, settings_for(settings, listener), routes_));
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, listener.socket, [server = servers_.back().get()](int fd, const net::SocketAddress& peer) {
          server->adopt(fd, peer);
        }));
  }
  thread_ = std::thread([this] {
    name_this_thread("http");
    loop_.run();
  });
}

WebServer::~WebServer() {
  loop_.run_and_wait([this] {
    acceptors_.clear();
    for (const auto& server : servers_) server->shut_down();
  });
  const MonoTime deadline = system_clock().mono_now() + kGrace;
  while (connections() > 0 && system_clock().mono_now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  loop_.run_and_wait([this] { servers_.clear(); });
  loop_.stop();
  thread_.join();
}

void WebServer::reconfigure(const HttpSettings& settings, const std::vector<Listener>& listeners) {
  loop_.run_and_wait([&] {
    for (std::size_t i = 0; i < servers_.size() && i < listeners.size(); ++i)
      servers_[i]->reconfigure(settings_for(settings, listeners[i]));
  });
}

http::ServerSettings WebServer::settings_for(const HttpSettings& settings, const Listener& listener) const {
  http::ServerSettings out;
  out.connections = settings.connections;
  out.connections_per_client = settings.connections_per_client;
  out.ipv6_client_bits = ipv6_client_bits_;
  out.request_deadline = settings.request_timeout;
  out.idle = settings.idle_timeout;
  out.forwarded = settings.forwarded;
  out.trusted_proxy = is_among(listener.proxies);
  out.tls = listener.tls;
  return out;
}

std::size_t WebServer::connections() {
  std::size_t sum = 0;
  loop_.run_and_wait([&] {
    for (const auto& server : servers_) sum += server->connections();
  });
  return sum;
}

}  // namespace essaim::smtpd
