// Rows of batches as BatchRecords, for the files of BatchStore. Inside storage only.
#pragma once

#include <string>
#include <string_view>

#include "storage/batch_store.h"

namespace essaim::storage {

// "SELECT ... FROM batch_state s JOIN batch b ..." with the columns that batch_from() reads, and `more` behind
// them (", p.kind").
std::string batch_select(bool with_blobs, std::string_view more = {});
// kDamaged, naming the batch, if a blob or count is wrong.
Result<BatchRecord> batch_from(Statement& row, bool with_blobs);
// The same row for those who show it: what can be read of it, and "damaged: ..." is why it waits.
BatchRecord damaged_batch(Statement& row, const Error& damage);

}  // namespace essaim::storage
