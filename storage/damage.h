// What is done where a row of a batch does not decode (a damaged disk, a hand edit) or the engine refuses to change it: the others
// go on without it. Functions run inside the caller's transaction. Inside storage; what others need of it is in batch_store.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
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

// What the index of a file tells, without a look at the rows: the integers that a statement gives that reads it in a direction
// ("ASC", "DESC"), but for those in `but`. With a damaged page in the index itself, what is before and behind it; kDamaged, if that
// is nothing.
Result<std::vector<Place>> from_both_ends(
    const std::function<Result<Statement*>(std::string_view direction)>& prepare, std::size_t most,
    const std::set<Place>& but);

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
