// The writer of a database: one thread, two connections (one whose commits survive power loss, one for
// progress). Works queued while a commit runs share the next one; each runs under a
// savepoint, so that it can fail alone. A group begins when the last commit has returned: under little load a
// work waits for nobody, under much load the groups grow by themselves.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
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
  GroupWriter(std::string name, OpenWriter open, int repeats = 0);
  ~GroupWriter() { stop(); }
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // Opens a connection, so that trouble is told early; the other one is opened by its first work. Before start().
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
  };
  using Group = std::vector<Item>;

  void run();
  Durability choose();  // with mutex_ held and something queued
  // Runs the group's works; those that find no time any more are left at its end. Gives how many were run.
  std::size_t run_group(Durability durability, Group* group);
  // One attempt. *any: something was committed.
  Result<void> try_group(Durability durability, Group* group, std::size_t* ran, bool* any);
  Result<void> run_works(EngineConnection& connection, Group* group, std::size_t* ran);
  Result<void> run_one(EngineConnection& connection, Item* item);
  void report(const Result<void>& outcome);
  std::unique_ptr<EngineConnection>& slot(Durability d) {
    return connections_[d == Durability::kAccept ? 0 : 1];
  }
  Result<void> ensure(Durability durability);

  const std::string name_;
  const OpenWriter open_;
  const int repeats_;
  std::array<std::unique_ptr<EngineConnection>, 2> connections_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> accept_, progress_;
  int accept_groups_in_a_row_ = 0;
  bool stopping_ = false;
  std::thread thread_;

  std::atomic<bool> healthy_{true};
  log::Once trouble_, damage_;
  std::atomic<std::uint64_t> statements_{0}, commits_{0}, durable_commits_{0}, failed_commits_{0};
};

}  // namespace essaim::storage
