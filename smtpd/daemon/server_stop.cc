#include <algorithm>
#include <thread>

#include "core/base/log.h"
#include "smtpd/daemon/server.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kFencedGrace = std::chrono::seconds(3);
constexpr Duration kIdleInTransaction = std::chrono::seconds(3);

}  // namespace

void Server::announce_drain() {
  if (lasting_.status) lasting_.status->set_draining(true);
}

void Server::stop() {
  if (!started_) return;
  started_ = false;
  // Whoever lost its lease is in a hurry to begin anew: others do its work meanwhile.
  const Duration grace =
      lease_->ended() ? std::min(settings_.delivery.drain, kFencedGrace) : settings_.delivery.drain;
  const MonoTime deadline = system_clock().mono_now() + grace;

  // Nothing new, not from ourselves either, while delivery to others goes on; idle sessions hear 421, the others after
  // their transaction.
  if (engine_) engine_->close_own();
  on_each_loop([](Loop& l) {
    if (!l.inbound) return;
    l.inbound->stop_accepting();
    l.inbound->shut_down_sessions();
  });
  sockets_.clear();
  web_.reset();
  // Said when it is true of every loop: from here on nobody is greeted.
  if (lasting_.status) lasting_.status->set_listening(false);
  // Who idles within a transaction hears it a little later; a message under way has the whole grace.
  const MonoTime patience = std::min<MonoTime>(deadline, system_clock().mono_now() + kIdleInTransaction);
  bool told = false;
  while (gate_.count() > 0 && system_clock().mono_now() < deadline) {
    if (!told && system_clock().mono_now() >= patience) {
      told = true;
      on_each_loop([](Loop& l) {
        if (l.inbound) l.inbound->shut_down_sessions(true);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (gate_.count() > 0) log::warning("sessions-cut", {{"count", gate_.count()}});
  on_each_loop([](Loop& l) { l.inbound.reset(); });
  if (accounts_) accounts_->stop();
  if (intake_) intake_->finish();
  sources_.stop();

  if (engine_) {
    const Duration left = deadline - system_clock().mono_now();
    engine_->drain(std::max<Duration>(left, std::chrono::seconds(1)));
  }
  delivers_.store(false);
  if (lasting_.status) lasting_.status->unwatch();
  if (jobs_) jobs_->stop();
  if (reporter_) reporter_->stop();
  if (operator_) operator_->stop();
  on_each_loop([this](Loop& l) {
    if (&l == loops_.data()) {
      traces_.clear();
      delivery_watcher_.reset();
      statistics_.reset();
      key_refresh_.reset();
      certificate_watch_.reset();
      admin_.reset();
    }
  });
  admin_socket_.reset();
  if (membership_) membership_->stop(true);
  for (Loop& l : loops_) l.loop->stop();
  for (Loop& l : loops_) l.thread.join();
  control_.drop_tasks();  // they are about this server
}

}  // namespace essaim::smtpd
