// The SQLite engine behind storage/database.h: a writer, readers and a checkpointer over one file in WAL
// mode.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include <sys/types.h>

#include "core/base/log.h"
#include "storage/database.h"
#include "storage/engine/group_writer.h"
#include "storage/engine/reader_pool.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/sqlite_checkpointer.h"

namespace essaim::storage {

class SqliteDatabase : public Database {
 public:
  // Answers may start further works until both have stopped.
  ~SqliteDatabase() override {
    readers_.stop();
    writer_.stop();
  }
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options, const std::string& file);

  void read(Work work, Done done) override {
    readers_.read(How::kSnapshot, ReaderPool::Length::kShort, std::move(work), std::move(done));
  }
  void look(Work work, Done done) override {
    readers_.read(How::kPlain, ReaderPool::Length::kShort, std::move(work), std::move(done));
  }
  void read_long(How how, Work work, Done done) override {
    readers_.read(how, ReaderPool::Length::kLong, std::move(work), std::move(done));
  }
  // What is to be kept is refused once the files that are open have no name any more, or another file has it: commits would go on,
  // and with the end of the process they would be gone. Progress is not: what was accepted before goes out from there.
  void write(Durability durability, Work work, Done done) override;
  Result<void> backup(const std::string& file) override;
  Result<void> check() override;
  Result<void> check_settings() override;
  Counters counters() const override {
    Counters counters = writer_.counters();
    counters.reads = reads_.load();
    return counters;
  }
  bool healthy() const override { return writer_.healthy() && in_place().ok(); }

 private:
  SqliteDatabase(const DatabaseOptions& options, const std::string& file);

  Result<std::unique_ptr<EngineConnection>> open_writer();
  // Whether database and log are the files that were opened. Thread-safe.
  Result<void> in_place() const;

  const std::string file_;
  const Duration busy_timeout_;
  struct FileId {
    dev_t device{};
    ino_t number{};
    bool operator==(const FileId&) const = default;
  };
  static std::optional<FileId> id_of(const std::string& path);
  std::optional<FileId> opened_, opened_log_;  // since open()
  mutable log::Once moved_;
  std::atomic<std::uint64_t> reads_{0};  // statements of readers; outlives them
  LogMending mending_;
  SqliteCheckpointer checkpointer_;
  ReaderPool readers_;
  GroupWriter writer_;
  // Whoever closes the last connection removes the log, which others would miss (in_place()): where errors close all of them, this
  // one stays open. It goes before the writer, which clears up.
  std::unique_ptr<SqliteConnection> stays_open_;
};

}  // namespace essaim::storage
