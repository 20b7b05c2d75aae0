#include "storage/batch_rows.h"

#include "storage/sql.h"

namespace essaim::storage {

namespace {

Error wrong(const BatchRecord& batch, const std::string& why) {
  return {ErrorCode::kDamaged,
          "batch " + format_id(batch.post_id) + "/" + std::to_string(batch.number) + ": " + why};
}

}  // namespace

std::string batch_select(bool with_blobs, std::string_view more) {
  std::string sql =
      "SELECT s.post_id, s.number, s.queue, s.priority, s.order_rank, s.due, s.destination, s.owner, "
      "s.epoch, s.attempts, "
      "s.delivered, s.failed, s.suppressed, s.pending, s.why, b.total";
  if (with_blobs) sql += ", b.recipients, s.progress";
  sql += more;
  return sql + " FROM batch_state s JOIN batch b ON b.post_id = s.post_id AND b.number = s.number";
}

namespace {

BatchRecord head_from(Statement& row) {
  BatchRecord b;
  b.post_id = row.integer(0);
  b.number = static_cast<int>(row.integer(1));
  b.queue = static_cast<BatchQueue>(row.integer(2));
  b.priority = static_cast<int>(row.integer(3));
  b.rank = row.integer(4);
  b.due = sql::time(row, 5);
  b.destination = sql::text(row, 6);
  b.owner = static_cast<int>(row.integer(7));
  b.epoch = row.integer(8);
  b.attempts = static_cast<int>(row.integer(9));
  b.delivered = static_cast<int>(row.integer(10));
  b.failed = static_cast<int>(row.integer(11));
  b.suppressed = static_cast<int>(row.integer(12));
  b.pending = static_cast<int>(row.integer(13));
  b.why = sql::text(row, 14);
  return b;
}

}  // namespace

BatchRecord damaged_batch(Statement& row, const Error& damage) {
  BatchRecord b = head_from(row);
  b.count = b.delivered + b.failed + b.suppressed + b.pending;
  b.why = "damaged: " + damage.message;
  return b;
}

Result<BatchRecord> batch_from(Statement& row, bool with_blobs) {
  BatchRecord b = head_from(row);
  const std::int64_t total = row.integer(15);
  if (total < 0 || total > static_cast<std::int64_t>(kBatchSize))
    return wrong(b, "impossible number of recipients");
  b.count = static_cast<int>(total);
  if (!with_blobs) return b;
  auto recipients = decode_recipients(row.text(16));
  if (!recipients.ok()) return wrong(b, recipients.error().message);
  if (recipients->size() != static_cast<std::size_t>(total))
    return wrong(b, "another number of recipients than counted");
  b.recipients = std::move(*recipients);
  auto progress = decode_progress(row.text(17), b.recipients.size());
  if (!progress.ok()) return wrong(b, progress.error().message);
  b.progress = std::move(*progress);
  return b;
}

}  // namespace essaim::storage
