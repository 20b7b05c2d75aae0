#include "smtpd/daemon/inbound.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/net/linger.h"
#include "core/smtp/reply.h"

namespace essaim::smtpd {
namespace {

// To a descriptor that nobody reads yet: there is room for it, or it does not matter.
void say_and_close(net::EventLoop& loop, int fd, const smtp::Reply& reply) {
  const std::string text = reply.to_wire();
  static_cast<void>(send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  net::linger_and_close(loop, fd);
}

}  // namespace

Inbound::Inbound(net::EventLoop& loop, std::size_t number, dns::Resolver& resolver, Gate& gate,
                 PassOn pass_on)
    : loop_(loop),
      number_(number),
      gate_(gate),
      pass_on_(std::move(pass_on)),
      arrivals_(
          loop, resolver,
          [this](int fd, Origin origin, std::size_t listener) { begin(fd, std::move(origin), listener); },
          [&gate, number] { gate.leave(number); }) {}

Inbound::~Inbound() {
  stop_accepting();
  for (std::size_t i = 0; i < sessions_.size(); ++i) gate_.leave(number_);
}

void Inbound::listen(const std::vector<std::shared_ptr<net::ListenSocket>>& sockets) {
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    if (environments_[i].session == nullptr) continue;
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        loop_, sockets[i], [this, i](int fd, const net::SocketAddress& peer) { accept(fd, peer, i); }));
  }
}

void Inbound::set_environments(Environments environments) {
  environments_ = std::move(environments);
}

void Inbound::accept(int fd, const net::SocketAddress& peer, std::size_t listener) {
  const auto loop = gate_.enter(number_);
  if (!loop) {
    log::info("connection-refused", {{"client", peer.to_string()}, {"why", "too many sockets"}});
    return say_and_close(loop_, fd,
                         smtp::reply(421, "4.3.2",
                                     environments_[listener].session->settings.hostname +
                                         " Too many connections; try again later"));
  }
  if (*loop == number_) return take({fd, peer, listener});
  pass_on_(*loop, {fd, peer, listener});
}

// After stop_accepting(), too: then begin() tells the client.
void Inbound::take(const Accepted& accepted) {
  arrivals_.begin(accepted.fd, accepted.peer, accepted.listener, environments_[accepted.listener].balancers);
}

void Inbound::begin(int fd, Origin origin, std::size_t listener) {
  if (stopping_ || gate_.refuses()) {
    gate_.leave(number_);
    return say_and_close(loop_, fd,
                         smtp::reply(421, "4.3.2",
                                     environments_[listener].session->settings.hostname +
                                         (stopping_ ? " Shutting down; try again later"
                                                    : " Takes nothing now; try again later")));
  }
  Live live;
  live.ip = origin.client.ip();
  live.label = (origin.reverse_name.empty() ? "unknown" : origin.reverse_name) + "[" + live.ip +
               "]:" + std::to_string(origin.client.port());
  live.session = std::make_unique<SessionConnection>(
      loop_, fd, std::move(origin), environments_[listener].session,
      [this](SessionConnection* s) { finished(s); }, sink_for(live.ip, live.label));
  SessionConnection* key = live.session.get();
  sessions_[key] = std::move(live);
}

void Inbound::finished(SessionConnection* session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  gate_.leave(number_);
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
  arrivals_.clear();
}

void Inbound::shut_down_sessions(bool in_transaction) {
  // Ending one may call finished() later, never from within.
  for (auto& [session, live] : sessions_) session->shut_down(in_transaction);
}

}  // namespace essaim::smtpd
