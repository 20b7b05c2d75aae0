// The SQLite engine behind storage/database.h: a writer, readers and a checkpointer over one file in WAL
// mode.
#pragma once

#include <atomic>

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
  void write(Durability durability, Work work, Done done) override {
    writer_.write(durability, std::move(work), std::move(done));
  }
  Result<void> backup(const std::string& file) override;
  Result<void> check() override;
  Result<void> check_settings() override;
  Counters counters() const override {
    Counters counters = writer_.counters();
    counters.reads = reads_.load();
    return counters;
  }
  bool healthy() const override { return writer_.healthy(); }

 private:
  SqliteDatabase(const DatabaseOptions& options, const std::string& file);

  Result<std::unique_ptr<EngineConnection>> open_writer();

  const std::string file_;
  const Duration busy_timeout_;
  std::atomic<std::uint64_t> reads_{0};  // statements of readers; outlives them
  LogMending mending_;
  SqliteCheckpointer checkpointer_;
  ReaderPool readers_;
  GroupWriter writer_;
};

}  // namespace essaim::storage
