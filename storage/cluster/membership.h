// This node among the nodes that share its database: it beats, watches the beats of the others, takes over from those that
// died, and tells what others have to do or have changed.
//
//   beat   every fifth of the lease: UPDATE of the own row, which gives the lease until (time it was sent + lease - margin);
//          behind it, in a transaction of its own, what the node wants of destinations, if that has changed
//   watch  every 0.8 s (with many nodes less often): one statement reads the rows of all nodes and whether there is work, and
//          where there are several another one what they want
//
// Each on a thread and a connection of its own, so that neither waits behind the other or behind the node's work. The
// database object is the membership's alone.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "storage/cluster/node_lease.h"
#include "storage/cluster/observer.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace essaim::storage {

// What one look showed.
struct ClusterView {
  std::vector<NodeSight> nodes;
  std::vector<int> at_work;                // numbers of those that serve or drain, in order; with this one
  std::vector<int> serving;                // those of them that do not drain
  NodeState wanted = NodeState::kServing;  // of this one: an operator may have it drain
  bool ready = false;                      // batches that nobody owns
  bool due = false;                        // batches that waited and are due
  bool unexpanded = false;                 // posts without all their batches
  std::string suspensions;                 // changes when they do
  std::string holds;                       // changes when posts are held
  std::string retry_calls;                 // as retry_calls_since() reads it
};

class Membership {
 public:
  struct Options {
    Duration lease = std::chrono::seconds(15);
    Duration beat_every() const { return lease / 5; }
    // What the database may take for one.
    Duration beat_patience() const { return std::max<Duration>(beat_every(), std::chrono::seconds(1)); }
    // What the clocks of holder and observer may drift apart within a lease, and the time between a check and its act.
    Duration margin() const { return lease / 5; }
  };
  class Listener {
   public:
    virtual void on_view(const ClusterView& view) = 0;  // after each look; on the watching thread
    // This node has ended the epoch of a dead one; on the watching thread.
    virtual void on_taken_over(int node) = 0;
    // The lease holds again after it was over. On the beating thread, as the next.
    virtual void on_lease_again() = 0;
    // Another one has this node's work (`dead`: it was taken over; else a server began under this node's name). Once; the
    // lease has ended.
    virtual void on_fenced(bool dead) = 0;

   protected:
    ~Listener() = default;
  };

  Membership(Database& database, const Clock& clock, NodeStore::Identity self, NodeLease& lease,
             const Options& options, Listener& listener);
  ~Membership() { stop(); }
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // The first beat, which gives the lease; then the threads.
  Result<void> start();
  // Idempotent. `ended`: this node owns nothing any more, and says so.
  void stop(bool ended = false);

  // What this node wants of destinations, for the others; told behind the next beat, soon when there was none before.
  // Thread-safe.
  void set_demand(std::string demand);
  // How long each other node at work has been seen silent. Thread-safe.
  std::map<int, Duration> silences() const;

  // The steps of the threads, for tests with a clock of their own.
  Result<void> beat();
  Result<void> watch();

 private:
  void beat_loop();
  void watch_loop();
  void tell(const std::string& demand);
  bool wait(Duration time);  // false: stop
  bool wait_to_beat(Duration time);
  void take_over(const NodeSight& dead);
  Duration watch_every() const;
  void fenced();

  Database& database_;
  const Clock& clock_;
  const NodeStore::Identity self_;
  NodeLease& lease_;
  const Options options_;
  Listener& listener_;
  Observer observer_;              // watching thread
  std::size_t nodes_at_work_ = 1;  // watching thread
  log::Once beat_trouble_, watch_trouble_, lease_over_, row_held_, untold_;

  mutable std::mutex mutex_;
  std::map<int, Duration> silences_;
  std::string demand_;
  std::optional<std::string> told_;  // of that, last, by this epoch
  bool tell_in_row_ = true;          // a program is at work, or may be, that looks for it there
  bool tell_soon_ = false;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool fenced_ = false;  // of the beating thread
  std::thread beat_thread_, watch_thread_;
};

}  // namespace essaim::storage
