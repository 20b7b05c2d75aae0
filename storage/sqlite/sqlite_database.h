// The SQLite engine behind storage/database.h: a writer, readers and a checkpointer over one file in WAL
// mode.
#pragma once

#include <atomic>
#include <string>

#include "storage/database.h"
#include "storage/engine/group_writer.h"
#include "storage/engine/reader_pool.h"
#include "storage/sqlite/log_mending.h"
#include "storage/sqlite/open_files.h"
#include "storage/sqlite/sqlite_checkpointer.h"

namespace essaim::storage {

class SqliteDatabase : public Database {
 public:
  // Answers may start further works until both have stopped.
  ~SqliteDatabase() override {
    readers_.stop();
    writer_.stop();
    checkpointer_.stop();
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
  bool healthy() const override { return writer_.healthy() && files_.in_place().ok(); }

 private:
  SqliteDatabase(const DatabaseOptions& options, const std::string& file);

  // Only if file and log are those that are open: another one that has their name by now gets nothing. Thread-safe.
  Result<std::unique_ptr<SqliteConnection>> connect(SqliteConnection::Use use,
                                                    std::atomic<std::uint64_t>* statements);
  Result<std::unique_ptr<EngineConnection>> open_reader();
  Result<std::unique_ptr<EngineConnection>> open_writer();

  const std::string file_;
  const Duration busy_timeout_;
  std::atomic<std::uint64_t> reads_{0};  // statements of readers; outlives them
  LogMending mending_;
  OpenFiles files_;
  SqliteCheckpointer checkpointer_;
  ReaderPool readers_;
  GroupWriter writer_;
};

}  // namespace essaim::storage
