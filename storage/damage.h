// What is done where a row does not decode (a damaged disk, a hand edit), where its page cannot be read, or the engine refuses to change
// it: the others go on without it. Functions run inside the caller's transaction. Inside storage; what others need of it is in
// batch_store.h.
//
// SQLite ends a statement that meets a damaged page. So what is done with many rows is tried with all of them together, and where
// that meets one, row by row: row_by_row() is the one way round damaged pages for all that look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/batch_store.h"
#include "storage/database.h"

namespace essaim::storage {

// Whether a transaction failed for what a row is, or the page it is on, so that it may succeed without that one.
bool is_about_a_row(const Error& error);

// Whether a statement of a file has met a damaged page, so that rows beside it can be read by others.
template <typename T>
bool is_of_a_page(const Connection& connection, const Result<T>& result) {
  return !result.ok() && result.error().code == ErrorCode::kDamaged &&
         connection.dialect() == Dialect::kSqlite;
}

// Rows of a table of a file, and an index that has them side by side.
struct IndexRange {
  std::string_view table, index;
  std::string_view where;  // "queue = ?"; of columns that the index has
  std::string_view
      order;  // of the index behind the columns for which `where` has one value: "due", or "due DESC" for all of them
  // `order` is that of the places, and the last value the one behind which it begins: with a damaged page in the index no more of
  // the table is read than is asked for.
  bool by_place = false;
};

// Their places, in the order of the index, as it tells without a look at the rows; at most so many, but for those in `but`. With a
// damaged page in the index itself, what is before and behind it; kDamaged, if that is nothing.
Result<std::vector<Place>> indexed_places(Connection& connection, const IndexRange& range,
                                          std::initializer_list<std::int64_t> values,
                                          std::size_t most = std::numeric_limits<std::size_t>::max(),
                                          const std::set<Place>& but = {});

// Looks at each of them; what meets damage there is `lost`. With a damaged page in the index, the table says which there are besides.
// Lost at place 0 are those of which it does not say it either: nobody knows which, or whether there are any. `most`: how many of
// them, or some more, where the index is sound or the range is by_place; else all.
Result<void> row_by_row(Connection& connection, const IndexRange& range,
                        std::initializer_list<std::int64_t> values,
                        const std::function<Result<void>(Place)>& look,
                        const std::function<void(Place, const Error&)>& lost,
                        std::size_t most = std::numeric_limits<std::size_t>::max());

// Places of the rows of a table that are not on damaged pages, in their order, and what it said of damage that it met.
Result<std::optional<Error>> readable_places(Connection& connection, std::string_view table,
                                             const std::function<void(Place)>& take);

// Batches in the state that is bound, in the order of claims.
inline constexpr IndexRange kInQueue{"batch_state", "batch_claim", "queue = ?",
                                     "priority, order_rank, post_id, number"};
// Posts that wait.
inline constexpr IndexRange kPostsWaiting{"post", "post_finished", "finished = 0", "expanded, id"};

// A change of many rows of batch_state.
struct BatchUpdate {
  std::string_view change;   // "queue = 1"
  int queue = 0;             // that they are in
  std::string_view indexed;  // " AND due <= ?": what the indexes tell of them; "": nothing more
  std::string_view rest;     // " AND owner = ?": what the rows themselves tell
  std::int64_t most = 0;     // rows; 0: all
};
// In one statement; where one of the rows is refused, row by row, and those that cannot be changed come to `damaged`. `values`
// are bound to `indexed` and `rest`. How many were changed.
Result<std::int64_t> update_batches(Connection& connection, const BatchUpdate& update,
                                    std::initializer_list<std::int64_t> values,
                                    std::vector<DamagedBatch>* damaged);

// Parks a batch that cannot be read, if `fence` has it (owner 0: nobody), and says in it whether that was possible.
Result<void> hold_damaged(Connection& connection, Fence fence, DamagedBatch* batch);

}  // namespace essaim::storage
