#include "smtpd/daemon/inbound.h"

#include <algorithm>

#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/linger.h"
#include "core/smtp/reply.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kNameDeadline = std::chrono::seconds(3);
constexpr std::size_t kMostArrivals = 1'000, kMostArrivalsOfOne = 10;  // names looked up at a time

// To a descriptor that nobody reads yet: there is room for it, or it does not matter.
void say_and_close(net::EventLoop& loop, int fd, const smtp::Reply& reply) {
  const std::string text = reply.to_wire();
  static_cast<void>(send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  net::linger_and_close(loop, fd);
}

}  // namespace

// A connection whose client's name is being looked up: the name of the address, if that name has this address
// (RFC 8601 calls it iprev). The greeting waits for it, but not for long.
class Inbound::Arrival {
 public:
  Arrival(Inbound& inbound, int fd, const net::SocketAddress& peer, std::size_t listener)
      : inbound_(inbound), fd_(fd), peer_(peer), listener_(listener), deadline_(inbound.loop_, [this] {
          end("");
        }) {}
  ~Arrival() {
    if (fd_ >= 0) close(fd_);
  }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  void begin() {
    deadline_.start(kNameDeadline);
    name_query_ = inbound_.resolver_.pointer(peer_.ip(), [this](dns::TextAnswer answer) {
      if (answer.status != dns::Status::kOk || answer.texts.empty()) return end("");
      name_ = ascii_lowered(answer.texts[0]);
      address_query_ = inbound_.resolver_.addresses(name_, [this](dns::AddressAnswer back) {
        const bool same =
            std::find(back.addresses.begin(), back.addresses.end(), peer_.ip()) != back.addresses.end();
        end(same ? name_ : "");
      });
    });
  }

 private:
  void end(const std::string& name) {
    const int fd = std::exchange(fd_, -1);
    const auto it = inbound_.arrivals_.find(this);
    // It is on the call stack, and so may be the query: they die later.
    std::shared_ptr<Arrival> self(it->second.release());
    inbound_.arrivals_.erase(it);
    inbound_.forget_arrival(peer_.ip());
    Inbound& inbound = inbound_;
    deadline_.cancel();
    inbound.loop_.post([self] {});
    inbound.begin(fd, peer_, listener_, name);
  }

  Inbound& inbound_;
  int fd_;
  const net::SocketAddress peer_;
  const std::size_t listener_;
  net::Timer deadline_;
  std::unique_ptr<dns::Query> name_query_, address_query_;
  std::string name_;
};

Inbound::Inbound(net::EventLoop& loop, dns::Resolver& resolver, Gate& gate)
    : loop_(loop), resolver_(resolver), gate_(gate) {}

Inbound::~Inbound() {
  stop_accepting();
  for (std::size_t i = 0; i < sessions_.size(); ++i) gate_.leave();
}

void Inbound::listen(const std::vector<std::shared_ptr<net::ListenSocket>>& sockets,
                     Environments environments) {
  environments_ = std::move(environments);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, sockets[i], [this, i](int fd, const net::SocketAddress& peer) { accept(fd, peer, i); }));
  }
}

void Inbound::set_environments(Environments environments) {
  environments_ = std::move(environments);
}

void Inbound::accept(int fd, const net::SocketAddress& peer, std::size_t listener) {
  if (!gate_.enter()) {
    log::info("connection-refused", {{"client", peer.to_string()}, {"why", "too many sockets"}});
    return say_and_close(
        loop_, fd,
        smtp::reply(421, "4.3.2",
                    environments_[listener]->settings.hostname + " Too many connections; try again later"));
  }
  // The guard sees a connection when its session begins; who comes in a crowd is shown to it at once.
  const std::string ip = peer.ip();
  if (peer.is_loopback() || arrivals_.size() >= kMostArrivals) return begin(fd, peer, listener, "");
  const auto waiting = arrivals_by_client_.find(ip);
  if (waiting != arrivals_by_client_.end() && waiting->second >= kMostArrivalsOfOne)
    return begin(fd, peer, listener, "");
  ++arrivals_by_client_[ip];
  auto arrival = std::make_unique<Arrival>(*this, fd, peer, listener);
  Arrival* begun = arrival.get();
  arrivals_[begun] = std::move(arrival);
  begun->begin();
}

void Inbound::forget_arrival(const std::string& ip) {
  const auto waiting = arrivals_by_client_.find(ip);
  if (waiting != arrivals_by_client_.end() && --waiting->second == 0) arrivals_by_client_.erase(waiting);
}

void Inbound::begin(int fd, const net::SocketAddress& peer, std::size_t listener, std::string name) {
  const std::string ip = peer.ip();
  if (stopping_ || gate_.refuses()) {
    gate_.leave();
    return say_and_close(loop_, fd,
                         smtp::reply(421, "4.3.2",
                                     environments_[listener]->settings.hostname +
                                         (stopping_ ? " Shutting down; try again later"
                                                    : " Takes nothing now; try again later")));
  }
  Live live;
  live.ip = ip;
  live.label = (name.empty() ? "unknown" : name) + "[" + ip + "]:" + std::to_string(peer.port());
  live.session = std::make_unique<SessionConnection>(
      loop_, fd, peer, std::move(name), environments_[listener],
      [this](SessionConnection* s) { finished(s); }, sink_for(ip, live.label));
  SessionConnection* key = live.session.get();
  sessions_[key] = std::move(live);
}

void Inbound::finished(SessionConnection* session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  gate_.leave();
  loop_.destroy_later(std::move(found->second.session));
  sessions_.erase(found);
}

SessionConnection::TraceSink Inbound::sink_for(const std::string& ip, const std::string& label) const {
  std::vector<std::shared_ptr<Trace>> mine;
  if (traces_) {
    for (const auto& trace : *traces_)
      if (trace->peer() == ip) mine.push_back(trace);
  }
  if (mine.empty()) return nullptr;
  return [mine, label](char direction, std::string_view line) {
    for (const auto& trace : mine) trace->line(label, direction, line);
  };
}

void Inbound::set_traces(Traces traces) {
  traces_ = std::move(traces);
  for (auto& [session, live] : sessions_) session->set_trace(sink_for(live.ip, live.label));
}

void Inbound::stop_accepting() {
  stopping_ = true;
  acceptors_.clear();
  for (std::size_t i = 0; i < arrivals_.size(); ++i) gate_.leave();
  arrivals_.clear();
  arrivals_by_client_.clear();
}

void Inbound::shut_down_sessions(bool in_transaction) {
  // Ending one may call finished() later, never from within.
  for (auto& [session, live] : sessions_) session->shut_down(in_transaction);
}

}  // namespace essaim::smtpd
