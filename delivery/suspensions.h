// What the operator has suspended, as the queue knows it: domains, lists, everything. Pure; queue's thread.
//
// A suspension ends when it is resumed or when its time comes, which nobody need tell: every question has a
// `now`. What is suspended is not held: it expires when its post does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/batch_store.h"
#include "storage/node_store.h"

namespace essaim::delivery {

class Suspensions {
 public:
  using Wait = storage::ClaimBarrier::Wait;

  Suspensions() = default;
  explicit Suspensions(std::vector<storage::SuspensionRecord> records);

  bool empty() const { return waits_.empty(); }
  // A domain of recipients, or the name of a smart host.
  const Wait* of_domain(const std::string& domain, WallTime now) const;
  // Whether nothing of the post may go out: its list is suspended, or everything.
  bool holds_back(const storage::PostRecord& post, WallTime now) const;
  storage::ClaimBarrier barrier(WallTime now) const;
  // The earliest known end of one.
  std::optional<WallTime> first_end() const;

  // What differs from `before`, at `now`.
  struct Change {
    bool ended = false;              // something waits that need not, or not so long, or for another reason
    std::vector<std::string> words;  // in the replies of what has ended
    bool begun = false;
  };
  Change since(const Suspensions& before, WallTime now) const;

 private:
  using Key = std::pair<storage::SuspensionScope, std::string>;
  const Wait* find(storage::SuspensionScope scope, const std::string& subject, WallTime now) const;

  std::map<Key, Wait> waits_;
};

}  // namespace essaim::delivery
