// What a loop tells the queue about recipients of one batch who share an outcome: made by the Recorder after the journal has it, applied to
// the batch's progress by the QueueManager. A value that travels by post().
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "delivery/work.h"

namespace essaim::delivery {

struct Note {
  std::shared_ptr<const ActiveBatch> batch;
  std::vector<std::uint16_t> indices;
  Outcome::Kind kind =
      Outcome::Kind::kReturned;  // kReturned: not attempted, comes back to the queue; not journalled
  // kDeferred or kReturned: they wait for the end of their destination's suspension, then. 0: for their turn.
  WallTime until{};
  Duration in_queue{};  // of those who wait so without an attempt, for the log
  WallTime time{};
  std::string reply;
  std::string host;
  std::shared_ptr<const smtp::Reply> failure;  // only for kFailed: shared by all that the same reply hit
  int loop = 0;                                // whose journal has it
  std::uint64_t segment = 0;                   // of that journal, one for all
  bool for_others = false;                     // kReturned: the destination's budget is with other nodes
};

// In the reply of those who are put off because of their destination's state.
inline constexpr char kSuspendedByItself[] = "temporarily suspended";
inline std::string suspended_words(const std::string& name) {
  return "delivery to " + name + " " + kSuspendedByItself;
}

enum class Saturation {
  kNone,
  kFull,         // more waits than can go soon
  kElsewhere,    // among nodes: the others have all of its budget
  kAllElsewhere  // likewise, and all mail goes by it
};
inline bool is_elsewhere(Saturation saturation) {
  return saturation == Saturation::kElsewhere || saturation == Saturation::kAllElsewhere;
}

// Thread-safe; implemented by the QueueManager.
class NoteSink {
 public:
  virtual void take_notes(std::vector<Note> notes) = 0;
  // What a destination cannot take now is not claimed meanwhile, by its domains.
  virtual void destination_saturated(const std::string& key, std::set<std::string> domains,
                                     Saturation saturation) = 0;
  // A destination that was suspended takes mail again: who was put off with these words in the reply need not wait for the
  // end of the suspension.
  virtual void destination_back(const std::string& words) = 0;

 protected:
  ~NoteSink() = default;
};

}  // namespace essaim::delivery
