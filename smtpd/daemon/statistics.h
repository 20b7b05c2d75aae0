// The answer to `top`: counters since the start, what waits, the busiest destinations, how fast loops and database
// answer. Gathered without blocking anybody: each loop and the database's writer are asked something empty, and
// what has not answered in time is said to be late. What the database has to be read for is kept for twenty times as
// long as it took.
//
// Thread: ask() on loop 0, where the answer is made, and where it is destroyed, before the other parts.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/net/event_loop.h"
#include "delivery/engine.h"
#include "storage/database.h"
#include "storage/queue_load.h"

namespace essaim::smtpd {

class Statistics {
 public:
  struct Parts {
    storage::Database& database;
    delivery::Engine& engine;
    std::vector<net::EventLoop*> loops;
    std::function<int()> sessions;  // incoming connections now; thread-safe
    int node = 0;
  };
  explicit Statistics(Parts parts);
  ~Statistics();

  // JSON text of one snapshot.
  void ask(std::function<void(std::string json)> done);

 private:
  class Snapshot;
  // Shared with reads that are under way in the database.
  struct Cache {
    std::mutex mutex;
    storage::QueueLoad load;
    bool known = false;
    bool reading = false;
    MonoTime read_at{};
    Duration took{};
  };
  void refresh();

  const Parts parts_;
  const MonoTime started_;
  std::vector<std::weak_ptr<Snapshot>> live_;
  std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

}  // namespace essaim::smtpd
