// What several places do to the progress of a batch in memory.
#pragma once

#include <string>
#include <unordered_map>

#include "storage/records.h"

namespace essaim::storage {

inline bool is_final(RecipientState state) {
  return state == RecipientState::kDelivered || state == RecipientState::kFailed ||
         state == RecipientState::kSuppressed;
}

// Sets the sums from the states.
void recount(BatchRecord* batch);

// Index of a text in a table of the progress, added if it is new.
class Interned {
 public:
  explicit Interned(std::vector<std::string>* table);
  std::uint32_t index(const std::string& text);

 private:
  std::vector<std::string>* table_;
  std::unordered_map<std::string, std::uint32_t> known_;
};

}  // namespace essaim::storage
