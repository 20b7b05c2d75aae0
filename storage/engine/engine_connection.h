// What an engine's connection can do beyond running statements: transactions, as the reader pool and the group writer
// drive them. Works see a Connection only. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/database.h"

namespace essaim::storage {

class EngineConnection : public Connection {
 public:
  // One snapshot until roll_back().
  virtual Result<void> begin_reading() = 0;
  // The same behind all that was committed anywhere before.
  virtual Result<void> begin_reading_latest() { return begin_reading(); }
  // The commit that ends it will be as durable as asked.
  virtual Result<void> begin_writing(Durability durability) = 0;
  virtual Result<void> set_savepoint() = 0;
  virtual Result<void> release_savepoint() = 0;
  virtual Result<void> roll_back_to_savepoint() = 0;
  // kUnknownOutcome if it may have happened.
  virtual Result<void> commit() = 0;
  virtual Result<void> roll_back() = 0;
  // False also when the engine has rolled everything back by itself (disk full, deadlock, connection lost).
  virtual bool in_transaction() const = 0;
  // A server, or the way to it, has gone, and another connection may find one that works. Never of a file.
  virtual bool lost() const { return false; }
  // Ends statements that a work left open, so that they hold no snapshot, and keeps the cache small.
  virtual void settle() = 0;

  void behind_commit(std::function<void()> then) override {
    if (behind_ != nullptr) behind_->push_back(std::move(then));
  }
  // Where that goes from now on; the caller's. Null: nowhere.
  void gather_behind(std::vector<std::function<void()>>* behind) { behind_ = behind; }

 private:
  std::vector<std::function<void()>>* behind_ = nullptr;
};

// Opens a connection; called again when one has to be replaced.
using OpenConnection = std::function<Result<std::unique_ptr<EngineConnection>>()>;

// Trouble of the database as a whole, not of one statement: the connection is worth opening anew.
bool is_serious(ErrorCode code);

}  // namespace essaim::storage
