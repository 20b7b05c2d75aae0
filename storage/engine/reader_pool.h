// The reader threads of a database, each with its own connection. Every work sees one snapshot, unless it wants none. A
// connection that is lost, before a work begins or under it, costs that work the time for another one: it is run once more, from
// its beginning, on a connection that is set up as any. But for a long one that has itself run for seconds: its host may be at work
// on it.
//
// Works begin in the order in which they came, but for long ones: of those at most all threads but one are at work together, so
// that short ones that come behind them find a thread. One thread alone does both.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "storage/engine/engine_connection.h"

namespace essaim::storage {

class ReaderPool {
 public:
  // Below the time that a silent host is given.
  static constexpr Duration kLongRepeatedWithin = std::chrono::seconds(8);
  // `name` is the database's, for texts. `open` is called on the threads. A long work whose connection is lost that long behind
  // its beginning is not run again.
  ReaderPool(std::string name, int threads, OpenConnection open,
             Duration long_repeated_within = kLongRepeatedWithin);
  ~ReaderPool() { stop(); }
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;

  void start();
  // Runs what was queued, refuses what comes after (kCancelled). Idempotent.
  void stop();
  using How = Database::How;
  enum class Length { kShort, kLong };
  void read(How how, Length length, Work work, Done done);

 private:
  struct Item {
    Work work;
    Done done;
    How how = How::kSnapshot;
    Length length = Length::kShort;
  };
  using Items = std::deque<Item>;
  void run();
  Items::iterator next();  // that may begin now; under the mutex
  Result<void> begin(std::unique_ptr<EngineConnection>* connection, How how);
  Result<void> run_one(std::unique_ptr<EngineConnection>* connection, const Item& item);
  // *again: it failed because a connection that was there has gone, is not there any more, and it may be run on another one.
  Result<void> attempt(std::unique_ptr<EngineConnection>* connection, const Item& item, bool* again);

  const std::string name_;
  const int threads_wanted_;
  const OpenConnection open_;
  const Duration long_repeated_within_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Items queue_;
  int long_at_work_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  log::Once trouble_;
};

}  // namespace essaim::storage
