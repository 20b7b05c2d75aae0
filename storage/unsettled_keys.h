// By which a message that comes again is known while its post is not settled (SQLite, where one process accepts). Keys come
// in no order: a row of `seen` for each is a page of the log for each, the dearest part of a small post. So a key is kept in
// its post's row, which is appended, until the post is settled (PostStore::drop_finished), and this says which row to look at.
//
// It is a hint and no more: what it says is asked of the database, so that a post that was rolled back is never taken for one
// that was accepted. What it does not say is in `seen`, or new. One thread at a time: the writer's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/base/id.h"
#include "storage/database.h"

namespace essaim::storage {

class UnsettledKeys {
 public:
  // The post whose row has the key. Reads the keys of all that is not settled when it is asked for the first time, and
  // whenever it has doubled since: so it forgets.
  Result<std::optional<Id>> find(Connection& connection, Id list_id, std::string_view key);
  // Before the post is added with it.
  void put(Id list_id, std::string_view key, Id post_id);

 private:
  Result<void> load(Connection& connection);

  std::unordered_map<std::uint64_t, Id> posts_;  // by a hash of list and key; the last one that had it
  std::size_t load_again_ = 0;                   // at so many of them
};

}  // namespace essaim::storage
