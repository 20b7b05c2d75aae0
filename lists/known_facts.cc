#include "lists/known_facts.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMost = 16384;

std::string key_of(const storage::ListRecord& list, const Incoming& incoming) {
  return std::to_string(list.id) + " " + std::to_string(list.revision) + " " +
         (incoming.author ? incoming.author->to_string() : "");
}

}  // namespace

std::optional<Facts> KnownFacts::find(const storage::ListRecord& list, const Incoming& incoming) {
  const std::string key = key_of(list, incoming);
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second;
}

void KnownFacts::note(const storage::ListRecord& list, const Incoming& incoming, const Facts& facts) {
  std::string key = key_of(list, incoming);
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMost) entries_.clear();
  entries_.insert_or_assign(std::move(key), facts);
}

}  // namespace essaim::lists
