// The MariaDB engine behind storage/database.h: readers and a writer over connections to the first host of the URL that
// answers. A lost connection is replaced, at the next host if need be; a transaction that the server rolled back
// (deadlock, certification conflict, lost connection) is run again, except after a COMMIT whose answer was lost.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/engine/group_writer.h"
#include "storage/engine/reader_pool.h"
#include "storage/mariadb/mariadb_connection.h"

namespace essaim::storage {

class MariadbDatabase : public Database {
 public:
  ~MariadbDatabase() override {
    readers_.stop();
    writer_.stop();
  }
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);

  void read(Work work, Done done) override {
    readers_.read(How::kSnapshot, ReaderPool::Length::kShort, std::move(work), std::move(done));
  }
  void look(Work work, Done done) override {
    readers_.read(How::kPlain, ReaderPool::Length::kShort, std::move(work), std::move(done));
  }
  void read_latest(Work work, Done done) override {
    readers_.read(How::kLatest, ReaderPool::Length::kShort, std::move(work), std::move(done));
  }
  bool clustered() const override { return clustered_.load(); }
  bool wants_small_transactions() const override { return true; }
  void read_long(How how, Work work, Done done) override {
    readers_.read(how, ReaderPool::Length::kLong, std::move(work), std::move(done));
  }
  void write(Durability durability, Work work, Done done) override {
    writer_.write(durability, std::move(work), std::move(done));
  }
  // An SQLite file, which `essaim storage copy` can bring back. The server's own tools make others.
  Result<void> backup(const std::string& file) override;
  Result<void> check() override;
  // Refuses settings of the server that break the promise: what must survive power loss must be synced at COMMIT.
  Result<void> check_settings() override;
  Counters counters() const override { return writer_.counters(); }
  std::vector<Host> hosts() override;
  bool healthy() const override { return writer_.healthy(); }
  void set_password(const std::string& password) override;

 private:
  MariadbDatabase(const DatabaseOptions& options, MariadbUrl url);
  Result<std::unique_ptr<EngineConnection>> connect(std::atomic<std::uint64_t>* statements);
  std::string password() const;

  const MariadbUrl url_;
  mutable std::mutex password_mutex_;
  std::string password_;
  HostChoice choice_;
  std::atomic<bool> clustered_{false};
  ReaderPool readers_;
  GroupWriter writer_;
};

}  // namespace essaim::storage
