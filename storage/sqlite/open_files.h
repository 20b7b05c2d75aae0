// Whether the database's file and its log are still the ones that were opened. Who removes or replaces them under a server takes
// only the name: commits would go on, and with the end of the process they would be gone. Who copies another database over the
// file (`cp backup essaim.db`) keeps even the name, and what is in the log is of another one.
//
// The former is seen by device and inode. The latter by the change counter in the header of the file, which no checkpoint of
// whatever process sets back (https://www.sqlite.org/fileformat2.html#file_change_counter): a backup has a lower one. A copy with the
// same counter, or a higher one, is not seen.
//
// Thread-safe but for remember().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <sys/types.h>

#include "core/base/log.h"
#include "core/base/result.h"

namespace essaim::storage {

class SqliteConnection;

class OpenFiles {
 public:
  explicit OpenFiles(std::string file) : file_(std::move(file)) {}
  ~OpenFiles();
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  // From now on these are the files. `stays` has both of them open, and nobody else uses it: whoever closes the last connection
  // removes the log, which others would miss, so where errors close all of them this one stays.
  void remember(std::unique_ptr<SqliteConnection> stays);
  // kIo, and a line in the log at the first: they are gone, or others are there, or nobody can tell. Before remember() all is well.
  Result<void> in_place() const;
  // kIo: another database was copied over the file. It is so until the process ends.
  Result<void> not_written_over() const;

 private:
  struct FileId {
    dev_t device{};
    ino_t number{};
    bool operator==(const FileId&) const = default;
  };
  static Result<FileId> id_of(const std::string& path);
  Result<void> is_at(const std::string& path, const FileId& opened) const;
  Result<std::uint32_t> changes() const;
  Result<void> tell(const Result<void>& found) const;

  const std::string file_;
  std::optional<FileId> opened_, opened_log_;
  mutable std::mutex reading_;
  std::unique_ptr<SqliteConnection> stays_;
  mutable std::uint32_t changes_ = 0;  // the highest that was seen
  mutable bool written_over_ = false;
  mutable log::Once gone_;
};

}  // namespace essaim::storage
