// The segments of one journal writer and the work on them that may block: making them ahead of need, syncing,
// removing. Shared by the writer's loop, the executor's tasks and a small timer thread; it lives as long as
// the last of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/executor.h"
#include "core/base/gauges.h"
#include "core/base/log.h"
#include "storage/journal.h"

namespace essaim::storage {

struct Segment {
  explicit Segment(std::size_t octets) : size(Gauge::kJournalOctets, static_cast<std::int64_t>(octets)) {}
  ~Segment();
  const Held one{Gauge::kJournalSegments, 1}, size;
  std::string path;
  std::uint64_t number = 0;
  std::uint32_t seed = 0;
  int fd = -1;
  std::atomic<std::uint64_t> recorded{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> sealed{false};
  std::atomic<bool> dirty{false};                      // has records that are not synced
  std::chrono::steady_clock::time_point done_since{};  // when it was found complete; under the pool's mutex
};

class SegmentPool : public std::enable_shared_from_this<SegmentPool> {
 public:
  SegmentPool(const JournalWriter::Options& options, Executor& executor);

  // Makes a segment, blocking: file and space. It has no header and no number yet.
  Result<std::shared_ptr<Segment>> make();
  // A ready one, else nothing; in either case more are made ready by the executor.
  std::shared_ptr<Segment> take_ready();
  // It gets records from now on: gives it the next number and writes the header with it. Numbers are given
  // here and not by make(), so that they tell the order of use, whoever made which file first.
  Result<void> use(const std::shared_ptr<Segment>& segment);
  void seal(const std::shared_ptr<Segment>& segment);  // it gets no more
  void touched(Segment& segment);                      // it has a record that is not synced
  void segment_done(std::uint64_t number, std::size_t count);
  bool sync_failed() { return sync_failed_.exchange(false); }

  void start_timer();
  // Ends the timer; removes what nobody needs: unused segments and those whose outcomes the database has.
  void close();

 private:
  void prepare();  // on the executor
  void sync(const std::shared_ptr<Segment>& segment);
  void run_timer();
  void remove_complete(bool at_once);

  const JournalWriter::Options options_;
  Executor& executor_;
  std::atomic<std::uint64_t> next_file_{1};
  std::mutex mutex_;
  std::deque<std::shared_ptr<Segment>> ready_;
  int preparing_ = 0;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Segment>> used_;
  std::atomic<bool> sync_failed_{false};
  std::atomic<bool> dirty_{false};
  bool closed_ = false;
  std::condition_variable wake_;
  std::thread timer_;
  log::Once trouble_;
};

}  // namespace essaim::storage
