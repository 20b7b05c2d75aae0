// The listeners of role "http": pages for people and what links in messages do, on a thread of their own, so that no client
// of theirs holds mail up, however slow or many.
//
// Owner: the Server, for one epoch. Its thread; reconfigure() and the destructor wait for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/http/server.h"
#include "core/net/acceptor.h"
#include "lists/services.h"
#include "smtpd/settings/settings.h"
#include "web/answer_pages.h"
#include "web/leave_pages.h"

namespace essaim::smtpd {

class WebServer {
 public:
  struct Listener {
    std::shared_ptr<net::ListenSocket> socket;
    std::shared_ptr<net::TlsServerContext> tls;  // null: in clear
    std::vector<guard::Network> proxies;
  };
  // Services outlive it. `may_act` is thread-safe.
  WebServer(const lists::Services& services, const HttpSettings& settings, int ipv6_client_bits,
            std::function<bool()> may_act, const std::vector<Listener>& listeners);
  ~WebServer();  // requests under way get their answers, for a moment; work in the database is waited for
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  // Certificates, proxies and limits of the same listeners, for what comes from now on.
  void reconfigure(const HttpSettings& settings, const std::vector<Listener>& listeners);

 private:
  http::ServerSettings settings_for(const HttpSettings& settings, const Listener& listener) const;
  std::size_t connections();

  const int ipv6_client_bits_;
  net::EventLoop loop_{"http"};
  web::LeavePages leave_pages_;
  web::AnswerPages answer_pages_;
  http::Routes routes_;
  // On the loop.
  std::vector<std::unique_ptr<http::Server>> servers_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::thread thread_;
};

}  // namespace essaim::smtpd
