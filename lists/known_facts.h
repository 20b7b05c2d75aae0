// Facts that were read before. Who somebody is for a list does not change without the list's revision, so what is known
// for one revision stays true for it; whether that is still the list's is looked at in the transaction that stores the post.
//
// Thread-safe. Bounded: a full memory is emptied.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "lists/facts.h"
#include "storage/records.h"

namespace essaim::lists {

class KnownFacts {
 public:
  std::optional<Facts> find(const storage::ListRecord& list, const Incoming& incoming);
  void note(const storage::ListRecord& list, const Incoming& incoming, const Facts& facts);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, Facts> entries_;  // by list, revision and author
};

}  // namespace essaim::lists
