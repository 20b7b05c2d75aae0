// How late event loops are: each is asked something empty every second, and the time until it answers is noted. One that
// has not answered is not asked again before it has.
//
// Thread: that of the home loop, which outlives the others' answers. The loops outlive us.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/base/timings.h"
#include "core/net/event_loop.h"

namespace essaim::smtpd {

class LoopLag {
 public:
  LoopLag(net::EventLoop& home, const std::vector<net::EventLoop*>& loops);
  LoopLag(const LoopLag&) = delete;
  LoopLag& operator=(const LoopLag&) = delete;

  struct Measured {
    std::string loop;
    Histogram::Counts counts;
  };
  std::vector<Measured> measured() const;

 private:
  void ask();

  struct Watched {
    explicit Watched(net::EventLoop& l) : loop(l) {}
    net::EventLoop& loop;
    Histogram lag;
    std::atomic<bool> asked{false};
  };
  std::vector<std::shared_ptr<Watched>> watched_;
  net::Timer timer_;
};

}  // namespace essaim::smtpd
