// Looks up in DNS what the verification of a message needs, on one loop of several in turn.
//
// Thread-safe. `done` comes once, on a loop, at the latest when the patience is over. The loops run until all that was
// begun has ended (ListIntake::finish() waits for it).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/dns/resolver.h"
#include "core/mailauth/lookups.h"
#include "core/mailauth/message_check.h"
#include "core/net/event_loop.h"

namespace essaim::smtpd {

class Verification {
 public:
  struct Place {
    net::EventLoop* loop = nullptr;
    dns::Resolver* resolver = nullptr;
  };
  // Without places nothing is verified.
  Verification(std::vector<Place> places, Duration patience)
      : places_(std::move(places)), patience_(patience) {}
  bool enabled() const { return !places_.empty(); }

  void look_up(std::shared_ptr<const mailauth::MessageCheck> check,
               std::function<void(mailauth::Answers)> done);

 private:
  const std::vector<Place> places_;
  const Duration patience_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace essaim::smtpd
