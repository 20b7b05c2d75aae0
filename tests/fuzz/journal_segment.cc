// Segments of the journal as a crash, or a disk, may leave them: whole records come out, nothing else.
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/journal/segment_format.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::storage;

namespace {

// A file in memory, whose content is the input.
std::size_t records_of(std::string_view bytes, bool* torn) {
  static const int fd = memfd_create("segment", MFD_CLOEXEC);
  ESSAIM_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
  ESSAIM_CHECK(pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::size_t seen = 0;
  const auto end =
      read_segment("/proc/self/fd/" + std::to_string(fd), [&](const JournalRecord& record) -> Result<void> {
        ++seen;
        ESSAIM_CHECK(record.reply.size() <= 512 && record.host.size() <= 256);
        const auto again = decode_journal_record(encode_journal_record(record));
        ESSAIM_CHECK(again.ok() && again->post_id == record.post_id && again->reply == record.reply);
        return {};
      });
  ESSAIM_CHECK(end.ok() && end->records == seen);
  *torn = end->torn;
  return seen;
}

}  // namespace

ESSAIM_FUZZ_TARGET(journal_segment) {
  const unsigned choice = fuzz::take_choice(&data);
  bool torn = false;
  records_of(data, &torn);
  static_cast<void>(decode_journal_record(data));
  static_cast<void>(parse_segment_name(std::string(data)));
  if (data.size() > 2'000) return;

  // A segment that we wrote: two records, then the input as garbage, or cut, or with an octet changed.
  std::uint32_t seed = 0;
  std::string segment = segment_header(5, 3, &seed);
  for (int i = 1; i <= 2; ++i) {
    JournalRecord record;
    record.post_id = 77;
    record.index = static_cast<std::uint16_t>(i);
    record.state = RecipientState::kDelivered;
    record.reply = std::string(data.substr(0, 600));
    frame_record(record, seed, &segment);
  }
  ESSAIM_CHECK(records_of(segment, &torn) == 2 && !torn);
  if ((choice & 1) != 0) {
    const std::size_t begin = segment.size();
    segment += data;
    const std::size_t seen = records_of(segment, &torn);
    ESSAIM_CHECK(seen >= 2 && (seen == 2 || segment.size() > begin + kRecordHeader));
  } else if ((choice & 2) != 0) {
    segment.resize(segment.size() * choice / 256);
    ESSAIM_CHECK(records_of(segment, &torn) < 2);
  } else {
    segment[choice % segment.size()] ^= '\x10';
    ESSAIM_CHECK(records_of(segment, &torn) < 2 && torn);
  }
}
