// What one loop does for incoming mail: accepts on all listeners, passes on what other loops are to have, and keeps the
// sessions. Made, used and destroyed on its loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/net/acceptor.h"
#include "core/net/event_loop.h"
#include "smtpd/daemon/arrivals.h"
#include "smtpd/daemon/gate.h"
#include "smtpd/daemon/trace.h"
#include "smtpd/session/session_connection.h"

namespace essaim::smtpd {

// One for each listener; no session for those that do not speak SMTP, which are left to others.
struct InboundListener {
  std::shared_ptr<const SessionEnvironment> session;
  Balancers balancers;
};
using Environments = std::vector<InboundListener>;

class Inbound {
 public:
  // A connection that entered the gate, on its way to the loop that is to have it.
  struct Accepted {
    int fd;
    net::SocketAddress peer;
    std::size_t listener;
  };
  // Runs take() on that loop, some time.
  using PassOn = std::function<void(std::size_t loop, const Accepted& accepted)>;

  // `number` is this loop's, as the gate counts them.
  Inbound(net::EventLoop& loop, std::size_t number, dns::Resolver& resolver, Gate& gate, PassOn pass_on);
  ~Inbound();  // cuts what is left
  Inbound(const Inbound&) = delete;
  Inbound& operator=(const Inbound&) = delete;

  void set_environments(Environments environments);  // for connections from now on
  // Once all loops have environments: any may be passed a connection then.
  void listen(const std::vector<std::shared_ptr<net::ListenSocket>>& sockets);
  void set_traces(Traces traces);
  void take(const Accepted& accepted);
  void stop_accepting();
  // 421 as soon as no transaction is open; also to those who idle within one when `in_transaction`.
  void shut_down_sessions(bool in_transaction = false);

 private:
  struct Live {
    std::string ip, label;
    std::unique_ptr<SessionConnection> session;
  };
  void accept(int fd, const net::SocketAddress& peer, std::size_t listener);
  void begin(int fd, Origin origin, std::size_t listener);
  void finished(SessionConnection* session);
  SessionConnection::TraceSink sink_for(const std::string& ip, const std::string& label) const;

  net::EventLoop& loop_;
  const std::size_t number_;
  Gate& gate_;
  const PassOn pass_on_;
  Environments environments_;
  Traces traces_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  Arrivals arrivals_;
  std::map<SessionConnection*, Live> sessions_;
  bool stopping_ = false;
};

}  // namespace essaim::smtpd
