// The writer of a database: one thread, one connection, whose cached pages no other writer makes stale. Works queued
// while a commit runs share the next one. They run one after the other in its transaction; if one of them fails, all
// is rolled back and the group runs again with a savepoint for each, so that it fails alone: failures are rare, and
// savepoints would make each work pay for them. A work that meets damage has a transaction for itself. A group begins when the last commit has returned: under little load a
// work waits for nobody, under much load the groups grow by themselves.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "storage/database.h"
#include "storage/engine/engine_connection.h"

namespace essaim::storage {

class GroupWriter {
 public:
  // `name` is the database's, for texts. `open` is called by open(), then on the writer's thread. `repeats`: how often
  // a group is run again when the engine rolled it back before its COMMIT, or said at COMMIT that it did.
  GroupWriter(std::string name, OpenConnection open, int repeats = 0);
  ~GroupWriter() { stop(); }
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // Opens the connection, so that trouble is told early; before start().
  Result<void> open();
  void start();
  // Runs what was queued, refuses what comes after (kCancelled). Idempotent.
  void stop();
  void write(Durability durability, Work work, Done done);
  Database::Counters counters() const;
  // For connections to count what works run.
  std::atomic<std::uint64_t>* statements() { return &statements_; }
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    Work work;
    Done done;
    Result<void> result;
    std::vector<std::function<void()>> behind{};  // its commit
  };
  using Group = std::vector<Item>;

  void run();
  Durability choose();  // with mutex_ held and something queued
  // Runs the group's works; those that find no time any more are left at its end. Gives how many were run.
  std::size_t run_group(Durability durability, Group* group);
  // One attempt. *any: something was committed.
  Result<void> try_group(Durability durability, Group* group, std::size_t* ran, bool* any);
  // Whether a work can fail alone. kTogether: the first failure ends it, and all is to be run again.
  enum class Failing { kTogether, kAlone };
  // kDamaged: the last one that ran met damage, and only those before it are to be run again.
  enum class Ended { kWell, kFailed, kDamaged };
  // The first `most` of the group.
  Result<void> run_works(EngineConnection& connection, Failing failing, std::size_t most, Group* group,
                         std::size_t* ran, Ended* ended);
  Result<void> run_one(EngineConnection& connection, Item* item);
  void report(const Result<void>& outcome);
  Result<void> ensure_connection();

  const std::string name_;
  const OpenConnection open_;
  const int repeats_;
  std::unique_ptr<EngineConnection> connection_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> accept_, progress_;
  int accept_groups_in_a_row_ = 0;
  bool idle_ = false;  // the thread waits and nobody has woken it yet
  bool stopping_ = false;
  std::thread thread_;

  std::atomic<bool> healthy_{true};
  log::Once trouble_, damage_;
  std::atomic<std::uint64_t> statements_{0}, commits_{0}, durable_commits_{0}, failed_commits_{0},
      attempts_{0};
};

}  // namespace essaim::storage
