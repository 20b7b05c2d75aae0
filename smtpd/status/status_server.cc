#include "smtpd/status/status_server.h"

#include <future>

#include "core/base/executor.h"

namespace essaim::smtpd {
namespace {

http::ServerResponse verdict(const char* yes, const Health::Reasons& reasons) {
  if (reasons.empty()) {
    http::ServerResponse response;
    response.body = std::string(yes) + "\n";
    return response;
  }
  http::ServerResponse response;
  response.status = 503;
  response.body = "not " + std::string(yes) + "\n";
  for (const std::string& reason : reasons) response.body += reason + "\n";
  return response;
}

}  // namespace

StatusServer::StatusServer(const std::vector<std::shared_ptr<net::ListenSocket>>& sockets) {
  routes_.add(
      "GET", "/livez",
      [this](const http::ServerRequest&, const http::Respond& respond) {
        if (!health_) return respond(verdict("alive", {}));
        health_->ask_alive([respond](const Health::Reasons& reasons) { respond(verdict("alive", reasons)); });
      },
      http::AccessLog::kFailures);
  routes_.add(
      "GET", "/readyz",
      [this](const http::ServerRequest&, const http::Respond& respond) {
        if (!health_) return respond(verdict("ready", {"starting or stopping"}));
        health_->ask_ready([respond](const Health::Reasons& reasons) { respond(verdict("ready", reasons)); });
      },
      http::AccessLog::kFailures);
  server_ = std::make_unique<http::Server>(loop_, http::ServerSettings{}, routes_);
  for (const auto& socket : sockets) {
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, socket, [this](int fd, const net::SocketAddress& peer) { server_->adopt(fd, peer); }));
  }
  thread_ = std::thread([this] {
    name_this_thread("status");
    loop_.run();
  });
}

StatusServer::~StatusServer() {
  on_loop([this] {
    acceptors_.clear();
    server_.reset();
    health_.reset();
  });
  loop_.stop();
  thread_.join();
}

void StatusServer::watch(Health::Parts parts) {
  on_loop([&] { health_ = std::make_unique<Health>(loop_, std::move(parts)); });
}

void StatusServer::unwatch() {
  on_loop([this] { health_.reset(); });
}

void StatusServer::set_listening(bool listening) {
  on_loop([&] {
    if (health_) health_->set_listening(listening);
  });
}

void StatusServer::set_draining(bool draining) {
  on_loop([&] {
    if (health_) health_->set_draining(draining);
  });
}

void StatusServer::on_loop(const std::function<void()>& task) {
  auto done = std::make_shared<std::promise<void>>();
  loop_.post([&task, done] {
    task();
    done->set_value();
  });
  done->get_future().wait();
}

}  // namespace essaim::smtpd
