#include "smtpd/status/status_server.h"

#include "core/base/executor.h"
#include "core/base/log.h"
#include "smtpd/status/metrics.h"

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

// No destination or list is named in metrics; scrapes of all who ask share what was read.
constexpr Statistics::Depth kDepth{.lists = 0, .destinations = 0, .queue_kept = std::chrono::seconds(10)};

http::ServerResponse metrics(const Snapshot* snapshot, bool ready,
                             const std::vector<LoopLag::Measured>& lag) {
  http::ServerResponse response;
  response.content_type = kMetricsType;
  response.body = metrics_text(snapshot, ready, lag);
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
        if (!health_) {
          const Health::Reasons reasons{"starting or stopping"};
          tell(reasons);
          return respond(verdict("ready", reasons));
        }
        health_->ask_ready([this, respond](const Health::Reasons& reasons) {
          tell(reasons);
          respond(verdict("ready", reasons));
        });
      },
      http::AccessLog::kNone);
  routes_.add(
      "GET", "/metrics",
      [this](const http::ServerRequest&, const http::Respond& respond) {
        if (!health_) return respond(metrics(nullptr, false, {}));
        // Asked now, as /readyz does: whoever scrapes may be the only one who asks.
        health_->ask_ready([this, respond](const Health::Reasons& reasons) {
          tell(reasons);
          statistics_->ask([this, respond, ready = reasons.empty()](const Snapshot& snapshot) {
            respond(metrics(&snapshot, ready, lag_ ? lag_->measured() : std::vector<LoopLag::Measured>{}));
          });
        });
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
  loop_.run_and_wait([this] {
    acceptors_.clear();
    server_.reset();
    forget();
  });
  loop_.stop();
  thread_.join();
}

void StatusServer::watch(Health::Parts health, Statistics::Parts statistics) {
  loop_.run_and_wait([&] {
    health_ = std::make_unique<Health>(loop_, std::move(health));
    lag_ = std::make_unique<LoopLag>(loop_, statistics.loops);
    statistics_ = std::make_unique<Statistics>(loop_, std::move(statistics), kDepth);
  });
}

void StatusServer::unwatch() {
  loop_.run_and_wait([this] { forget(); });
}

// What stands behind the colon of a reason may be another error each second.
void StatusServer::tell(const Health::Reasons& reasons) {
  std::string kinds, why;
  for (const std::string& reason : reasons) {
    kinds += reason.substr(0, reason.find(": ")) + "\n";
    why += (why.empty() ? "" : "; ") + reason;
  }
  if (kinds == told_) return;
  told_ = kinds;
  if (reasons.empty())
    log::info("ready-again");
  else
    log::info("not-ready", {{"why", why}});
}

void StatusServer::forget() {
  statistics_.reset();
  lag_.reset();
  health_.reset();
}

void StatusServer::set_listening(bool listening) {
  loop_.run_and_wait([&] {
    if (health_) health_->set_listening(listening);
  });
}

void StatusServer::set_draining(bool draining) {
  loop_.run_and_wait([&] {
    if (health_) health_->set_draining(draining);
  });
}

}  // namespace essaim::smtpd
