// The layout of a journal segment, shared by writer and reader; integers little-endian.
//   header: "ESJ1", u32 version, u64 epoch, u64 number, u32 CRC-32C of those
//   record: u32 length (> 0), u32 CRC-32C of the octets, seeded with the header's CRC; octets
// Preallocated space is zero, so a length of 0 ends the segment. The seed keeps what is left on the disk of
// another segment from passing for a record of this one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/journal.h"

namespace essaim::storage {

inline constexpr std::size_t kSegmentHeader = 28;
inline constexpr std::size_t kRecordHeader = 8;
inline constexpr std::size_t kMaxRecord = 2048;
inline constexpr std::size_t kMaxSegment = 256U << 20;
inline constexpr const char* kSegmentSuffix = ".journal";

std::string segment_name(const std::string& writer, std::int64_t epoch, std::uint64_t number);
// Epoch and number of a file name; nothing if it is no segment.
struct SegmentName {
  std::string writer;
  std::int64_t epoch = 0;
  std::uint64_t number = 0;
};
std::optional<SegmentName> parse_segment_name(const std::string& name);

// The header, and the seed for its records.
std::string segment_header(std::int64_t epoch, std::uint64_t number, std::uint32_t* seed);
// Appends the framed record to `out`.
void frame_record(const JournalRecord& record, std::uint32_t seed, std::string* out);

// Reads one file; gives whole records in order. `torn` tells that something other than zeros followed the
// last one.
struct SegmentEnd {
  std::size_t records = 0;
  bool torn = false;
};
Result<SegmentEnd> read_segment(const std::string& path,
                                const std::function<Result<void>(const JournalRecord&)>& each);
// The segments of a directory, oldest first; an empty list if there is no such directory.
Result<std::vector<std::string>> list_segments(const std::string& directory);

}  // namespace essaim::storage
