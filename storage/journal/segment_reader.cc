#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/read_file.h"
#include "storage/journal/segment_format.h"

namespace essaim::storage {

namespace {

Result<std::string> contents(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && about.st_size > static_cast<off_t>(kMaxSegment))
    return Error{ErrorCode::kDamaged, "journal " + path + ": too big for a segment"};
  auto bytes = read_file(path);
  if (!bytes.ok()) return Error{bytes.error().code, "journal " + bytes.error().message};
  return bytes;
}

// The number of a segment's header; nothing if it was never used (or is unreadable, which read_segment()
// tells).
std::optional<std::uint64_t> used_number(const std::string& path) {
  std::string header(kSegmentHeader, '\0');
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const ssize_t got = ::pread(fd, header.data(), header.size(), 0);
  ::close(fd);
  Reader reader(header);
  reader.take(8);
  const std::uint64_t epoch = reader.u64(), number = reader.u64();
  std::uint32_t seed = 0;
  if (got != static_cast<ssize_t>(header.size()) ||
      header != segment_header(static_cast<std::int64_t>(epoch), number, &seed)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

Result<SegmentEnd> read_segment(const std::string& path,
                                const std::function<Result<void>(const JournalRecord&)>& each) {
  auto bytes = contents(path);
  if (!bytes.ok()) return bytes.error();
  SegmentEnd end;
  Reader reader(*bytes);
  Reader head(std::string_view(*bytes).substr(0, kSegmentHeader));
  head.take(8);
  const std::uint64_t epoch = head.u64(), number = head.u64();
  std::uint32_t seed = 0;
  if (head.failed() ||
      reader.take(kSegmentHeader) != segment_header(static_cast<std::int64_t>(epoch), number, &seed)) {
    // Killed while the file was made: nothing was recorded in it yet. Anything else than zeros is damage.
    end.torn = bytes->find_first_not_of('\0') != std::string::npos;
    return end;
  }
  while (reader.remaining() >= kRecordHeader) {
    const std::uint32_t length = reader.u32(), crc = reader.u32();
    if (length == 0) {
      end.torn = crc != 0;
      return end;
    }
    const std::string_view record = length <= kMaxRecord ? reader.take(length) : std::string_view();
    auto decoded = record.size() == length && crc32c(record, seed) == crc
                       ? decode_journal_record(record)
                       : Result<JournalRecord>(Error{ErrorCode::kDamaged, "torn"});
    if (!decoded.ok()) {
      end.torn = true;
      return end;
    }
    const std::vector<std::uint16_t> also = std::exchange(decoded->also, {});
    end.records += 1 + also.size();
    ESSAIM_TRY(each(*decoded));
    for (const std::uint16_t index : also) {
      decoded->index = index;
      ESSAIM_TRY(each(*decoded));
    }
  }
  return end;
}

Result<std::vector<std::string>> list_segments(const std::string& directory) {
  std::vector<std::pair<SegmentName, std::string>> found;
  std::error_code error;
  std::filesystem::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return std::vector<std::string>();
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (auto name = parse_segment_name(entry->path().filename().string())) {
      // The header tells the order of use; the name, the order in which files were made.
      name->number = used_number(entry->path().string()).value_or(name->number);
      found.emplace_back(std::move(*name), entry->path().string());
    }
  }
  if (error) return Error{ErrorCode::kIo, "journal " + directory + ": " + error.message()};
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.epoch, a.first.number, a.first.writer) <
           std::tie(b.first.epoch, b.first.number, b.first.writer);
  });
  std::vector<std::string> paths;
  paths.reserve(found.size());
  for (auto& [name, path] : found) paths.push_back(std::move(path));
  return paths;
}

Result<std::vector<std::string>> read_journal(const std::string& directory,
                                              const std::function<Result<void>(const JournalRecord&)>& each) {
  auto paths = list_segments(directory);
  if (!paths.ok()) return paths.error();
  for (const auto& path : *paths) {
    auto end = read_segment(path, each);
    if (!end.ok()) return end.error();
    if (end->torn) {
      log::warning("journal.torn", {{"file", path}, {"records", static_cast<std::uint64_t>(end->records)}});
    }
  }
  return paths;
}

Result<void> remove_journal(const std::vector<std::string>& files) {
  for (const auto& file : files) {
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return io_error("journal " + file + ": remove");
  }
  return {};
}

}  // namespace essaim::storage
