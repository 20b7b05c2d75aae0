// The listeners of role "status": GET /livez, /readyz and /metrics, on a thread of their own, so that the answer comes
// while everything else is busy or stuck.
//
// Owner: the daemon, from start to the very end: the balancer must see a node that drains, or begins a new epoch. What it
// is told waits for its loop.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/http/server.h"
#include "core/net/acceptor.h"
#include "smtpd/daemon/statistics.h"
#include "smtpd/status/health.h"
#include "smtpd/status/loop_lag.h"

namespace essaim::smtpd {

class StatusServer {
 public:
  explicit StatusServer(const std::vector<std::shared_ptr<net::ListenSocket>>& sockets);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // Before that, and after unwatch(), /livez says yes, /readyz "starting or stopping", and /metrics what the process has
  // counted.
  void watch(Health::Parts health, Statistics::Parts statistics);
  void unwatch();  // before the parts go away
  void set_listening(bool listening);
  void set_draining(bool draining);

 private:
  void forget();
  // Logs whether the node is ready, and why not, when that is another answer than before.
  void tell(const Health::Reasons& reasons);

  net::EventLoop loop_{"status"};
  http::Routes routes_;
  // On the loop.
  std::unique_ptr<Health> health_;
  std::unique_ptr<Statistics> statistics_;
  std::unique_ptr<LoopLag> lag_;
  std::string told_;  // the kinds of reasons; "": it is ready
  std::unique_ptr<http::Server> server_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::thread thread_;
};

}  // namespace essaim::smtpd
