#include "smtpd/status/loop_lag.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kEvery = std::chrono::seconds(1);

}  // namespace

LoopLag::LoopLag(net::EventLoop& home, const std::vector<net::EventLoop*>& loops)
    : timer_(home, [this] { ask(); }) {
  for (net::EventLoop* loop : loops) watched_.push_back(std::make_shared<Watched>(*loop));
  ask();
}

void LoopLag::ask() {
  for (const auto& watched : watched_) {
    if (watched->asked.exchange(true)) continue;
    watched->loop.post([watched, sent = system_clock().mono_now()] {
      watched->lag.note(system_clock().mono_now() - sent);
      watched->asked.store(false);
    });
  }
  timer_.start(kEvery);
}

std::vector<LoopLag::Measured> LoopLag::measured() const {
  std::vector<Measured> out;
  out.reserve(watched_.size());
  for (const auto& watched : watched_) out.push_back({watched->loop.name(), watched->lag.counts()});
  return out;
}

}  // namespace essaim::smtpd
