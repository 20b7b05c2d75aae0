// PostFilter as SQL, shared by the searches for posts and for batches. Inside storage only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "storage/post_store.h"

namespace essaim::storage {

// The conditions on the row of a post (called p), each beginning with " AND", and their values.
class PostCondition {
 public:
  explicit PostCondition(const PostFilter& filter);
  // With the conditions on the state of a batch (called s) as well.
  void add_about_batches(const PostFilter& filter);
  const std::string& sql() const { return sql_; }
  // Binds from `index` on; gives the next index.
  int bind(Statement& statement, int index) const;

 private:
  void add(std::string_view condition, std::variant<std::int64_t, std::string> value);
  std::string sql_;
  std::vector<std::variant<std::int64_t, std::string>> values_;
};

// The conditions on recipients, which need the contents of batches.
class RecipientMatch {
 public:
  explicit RecipientMatch(const PostFilter& filter);
  explicit RecipientMatch(const std::vector<std::string>& addresses);  // those alone; at least one
  bool any() const { return !first_.empty(); }
  // Keys between which a batch must have some to be looked into.
  const std::string& lowest() const { return first_; }
  const std::string& highest() const { return last_; }
  bool matches(const BatchRecipient& recipient) const;

 private:
  std::string first_, last_;
  std::vector<std::string> keys_;  // in order; empty: all between first and last
};

// The numbers of the post's batches in which, by their keys, such a recipient can be. For a match that is for some.
Result<std::vector<int>> batches_for(Connection& connection, Id post_id, const RecipientMatch& match);

// How many rows are asked for at once. Where the contents of batches tell which are wanted nobody knows how many that takes, and a
// server sorts, and sends before the first is looked at, as many as it is told: so some, and more each time, as it sorts anew. A
// file gives row by row.
inline constexpr std::int64_t kSearchedTogether = 1000;
inline std::int64_t first_page(const Connection& connection, bool looks_inside, const PostFilter& filter) {
  if (!looks_inside) return filter.row_limit();
  return connection.dialect() == Dialect::kSqlite ? std::numeric_limits<std::int64_t>::max()
                                                  : kSearchedTogether;
}
inline std::int64_t next_page(std::int64_t page) {
  constexpr std::int64_t most =
      64 * kSearchedTogether;  // numbers, and heads of batches of some hundred octets
  return std::min(2 * page, most);
}

}  // namespace essaim::storage
