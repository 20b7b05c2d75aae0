// Writes down what became of recipients, on one loop: journal first, then the log lines, then (gathered for a
// moment) notes to the queue. When the journal cannot be written, outcomes wait here in
// order, writable() is false so that nothing new is sent, and the journal is tried again every second:
// nothing is lost, nothing is sent unrecorded.
//
// One loop; destroyed on it (or after it has stopped). The journal outlives it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/event_loop.h"
#include "delivery/courier.h"
#include "delivery/note.h"
#include "storage/journal.h"

namespace essaim::delivery {

// For the log line: Postfix's four parts of the delay.
struct Delays {
  Duration before_queue{};  // from acceptance until it was ready to go
  Duration in_queue{};
  Duration connect{};
  Duration transmission{};
};

class Recorder {
 public:
  Recorder(net::EventLoop& loop, int loop_number, const Clock& clock, storage::JournalWriter& journal,
           NoteSink& sink, std::function<void()> writable_again);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  bool writable() const { return unrecorded_.empty(); }
  // An outcome that is not kReturned, of these recipients: one write of the journal for all. `peer` is null
  // when there was no connection.
  void record(const std::shared_ptr<const ActiveBatch>& batch, Indices recipients, const Outcome& outcome,
              const PeerInfo* peer, const Delays& delays, WallTime until = {});
  // All of the slice get the same outcome, made by us. `our_way`: as in Outcome. `until`: deferred ones wait for the end of a
  // suspension.
  void record_all(const Slice& slice, Outcome::Kind kind, Stage stage, const smtp::Reply& reply, bool our_way,
                  WallTime until = {});
  // Not attempted, as their destination is suspended until then. The journal does not have it, the log by log_put_off().
  void put_off(const Slice& slice, const smtp::Reply& reply, WallTime until);
  // All of the slice failed in this round, without an attempt: the time of their post is over.
  void record_expired(const Slice& slice);
  // Not attempted; back to the queue. `for_others`: to be sent by other nodes.
  void give_back(const Slice& slice, bool for_others = false);
  // At the end: what the journal could not take goes to the queue without it, which may still save it.
  void give_up_journal();
  // What is buffered goes to the queue now.
  void flush();

 private:
  void record_made_here(const Slice& slice, const Outcome& outcome, WallTime until = {});
  Delays delays_of(const Slice& slice) const;
  bool journal_note(Note* note);
  void push(Note note);
  void retry();

  net::EventLoop& loop_;
  const int loop_number_;
  const Clock& clock_;
  storage::JournalWriter& journal_;
  NoteSink& sink_;
  std::function<void()> writable_again_;
  std::vector<Note> ready_;
  std::deque<Note> unrecorded_;
  bool flush_posted_ = false;
  net::Timer retry_timer_, flush_timer_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::shared_ptr<const smtp::Reply> last_failure_;
  storage::JournalRecord scratch_;
};

// The lines of those of a note of put_off() to whom it is news, which the queue knows. At the end of each suspension all that a batch
// has put off are looked at, and in an outage of our own line these ends are minutes apart for hours. Thread-safe.
void log_put_off(const Note& note, Indices recipients);

}  // namespace essaim::delivery
