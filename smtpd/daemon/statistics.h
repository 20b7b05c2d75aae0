// How the server is at a moment: counters since the start, what waits, the busiest destinations, how fast loops and
// database answer. Gathered without blocking anybody: each loop and the database's writer are asked something empty, and
// what has not answered in time is said to be late. What the database has to be read for is kept for twenty times as
// long as it took, and no shorter than asked for.
//
// Thread: that of the home loop: made, asked and destroyed there, before the other parts; answers come there. `top` has
// one on loop 0, /metrics one on the loop of status.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/net/event_loop.h"
#include "delivery/engine.h"
#include "storage/backup_note.h"
#include "storage/database.h"
#include "storage/queue_load.h"

namespace essaim::smtpd {

// What the node knows without asking anybody.
struct NodeFacts {
  int node = 0;
  int sessions = 0;                                            // incoming connections now
  bool shedding = false;                                       // refuses newcomers, or new mail
  int nodes_at_work = 1;                                       // on the same database
  int keys_unusable = 0;                                       // DKIM keys, for want of their secret
  std::uint64_t message_memory = 0, message_memory_limit = 0;  // octets, of messages on their way in
  std::size_t large_waiting = 0, small_waiting = 0;            // messages that have come in, for room
  double disk_left = 0;  // octets, for messages; infinite: that cannot be told
  struct Certificate {
    std::string file;
    WallTime not_after{};
  };
  std::vector<Certificate> certificates;  // of the listeners, each file once
  std::vector<int> sockets;               // incoming ones of each loop
};

struct Snapshot {
  WallTime time{};
  Duration uptime{};
  NodeFacts facts;
  CounterSums counters{};
  std::vector<std::pair<std::string, std::optional<Duration>>>
      loops;  // how late each is; none: it did not answer
  std::optional<Duration> database_answer;
  bool database_healthy = false;
  bool sending_paused = false;  // until the database takes outcomes
  storage::Database::Counters database;
  delivery::EngineLoad engine;
  std::vector<delivery::DestinationStatus> busiest;
  std::optional<storage::QueueLoad> queue;  // none: not read yet
  storage::BackupNote backup;               // likewise nothing
};

// As `top` prints it: one line of JSON.
std::string to_json(const Snapshot& snapshot);

class Statistics {
 public:
  struct Parts {
    storage::Database& database;
    delivery::Engine& engine;
    std::vector<net::EventLoop*> loops;
    std::function<NodeFacts()> facts;  // thread-safe
    MonoTime serving_since{};
  };
  struct Depth {
    std::size_t lists = 10, destinations = 20;  // the busiest
    Duration queue_kept = std::chrono::milliseconds(500);
  };
  Statistics(net::EventLoop& home, Parts parts, Depth depth);
  ~Statistics();

  void ask(std::function<void(const Snapshot&)> done);

 private:
  class Gathering;
  // Shared with reads that are under way in the database.
  struct Cache {
    std::mutex mutex;
    storage::QueueLoad load;
    storage::BackupNote backup;
    bool known = false;
    bool reading = false;
    MonoTime read_at{};
    Duration took{};
  };
  void refresh();

  net::EventLoop& home_;
  const Parts parts_;
  const Depth depth_;
  std::vector<std::weak_ptr<Gathering>> live_;
  std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

}  // namespace essaim::smtpd
