// By which a message that comes again is known while its post is not settled (SQLite, where one process accepts). Keys come
// in no order: a row of `seen` for each is a page of the log for each, the dearest part of a small post. So a key is kept in
// its post's row, which is appended, until the post is settled (PostStore::settle), and this says which row to look at.
//
// It is a hint and no more: what it says is asked of the database, so that a post that was rolled back is never taken for one
// that was accepted. What it does not say is in `seen`, or new. One thread at a time: the writer's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/id.h"
#include "storage/database.h"

namespace essaim::storage {

class UnsettledKeys {
 public:
  // Reads the keys of all that is not settled, once: some microseconds for each. Whoever asks first waits for it else.
  Result<void> know(Connection& connection);
  // The post whose row has the key.
  Result<std::optional<Id>> find(Connection& connection, Id list_id, std::string_view key);
  // Before the post is added with it.
  void put(Id list_id, std::string_view key, Id post_id);
  // Its key is in `seen`, if the transaction that says so commits: forget_settled() sees whether it did, in a later one.
  void settled(Id list_id, std::string_view key, Id post_id);
  Result<void> forget_settled(Connection& connection);
  std::size_t size() const { return posts_.size(); }

 private:
  std::unordered_map<std::uint64_t, Id> posts_;  // by a hash of list and key; the last one that had it
  std::vector<std::pair<std::uint64_t, Id>> settled_;
  bool loaded_ = false;
};

}  // namespace essaim::storage
