// The progress journal (DESIGN §2): local, append-only, one write() per outcome, so that what a kill -9 leaves in the page
// cache is complete up to the last outcome. Recipients of a transaction who share the server's word share the record. Segments
// of a fixed size are allocated in advance, sealed when full, synced off the loops, and removed when the database has all
// their outcomes.
//
// Segment file: header {magic, version, node epoch, segment number, CRC}, then records {length, CRC-32C, bytes}; zeros
// end it. A torn or damaged record ends the segment: what follows was never reported to anybody as recorded.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/executor.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/records.h"

namespace essaim::storage {

struct JournalRecord {
  static constexpr std::size_t kMaxAlso = 400;
  Id post_id = 0;
  int batch = 0;
  std::uint16_t index = 0;  // of the recipient within the batch
  RecipientState state = RecipientState::kPending;
  std::uint16_t attempts = 0;
  WallTime time{};
  std::string reply;  // cut to 512 octets
  std::string host;   // cut to 256 octets
  // Further recipients with this outcome, at most kMaxAlso; read_journal() gives each a record of its own instead.
  std::vector<std::uint16_t> also{};
};

std::string encode_journal_record(const JournalRecord& record);
Result<JournalRecord> decode_journal_record(std::string_view bytes);

// One per loop; used by that loop's thread only, except segment_done(), which is thread-safe.
class JournalWriter {
 public:
  struct Options {
    std::string directory;
    std::string name;  // of the loop: segments are "<name>-<epoch>-<number>.journal"
    std::int64_t epoch = 0;
    std::size_t segment_size = 4U << 20;  // octets
  };
  // Files are made ready ahead of need and synced on `executor`.
  static Result<std::unique_ptr<JournalWriter>> open(const Options& options, Executor& executor);
  virtual ~JournalWriter() = default;  // seals; files with outcomes not yet in the database stay

  // Writes the outcome; gives the number of the segment that holds it. An error (disk full, I/O) means that it is not
  // recorded: the caller pauses sending and tries again. The log says it once, and once when it is over.
  virtual Result<std::uint64_t> append(const JournalRecord& record) = 0;
  // The database has `count` more outcomes of that segment.
  virtual void segment_done(std::uint64_t segment, std::size_t count) = 0;
};

// Reads all segments in a directory, oldest first, giving every whole record; damaged ends are logged. Called before any
// writer is opened. The files are removed by remove_journal() after their outcomes are committed.
Result<std::vector<std::string>> read_journal(const std::string& directory,
                                              const std::function<Result<void>(const JournalRecord&)>& each);
Result<void> remove_journal(const std::vector<std::string>& files);

// Replays the journal into the batches that this node owned: delivered wins over failed wins over deferred. Then the
// stale batches are released. What it knows of a batch whose rows are damaged stays in it, for a later replay; the others go on.
// Gives the number of outcomes merged. `untold`: batches (post and number) of whose failures nobody was
// told, as they were somebody else's; one of them that is nobody's meanwhile does not take its failures: who failed has another attempt.
Result<std::size_t> recover_journal(class Database& database, const std::string& directory, int node,
                                    std::int64_t epoch, const std::set<std::pair<Id, int>>& untold = {});

}  // namespace essaim::storage
