// Nodes with their epochs, and suspensions of destinations and lists. Inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

class NodeStore {
 public:
  explicit NodeStore(Connection& connection) : connection_(connection) {}
  // Registers the node by host name and begins a new epoch. Gives {number (from 1), epoch}.
  struct Identity {
    int number = 0;
    std::int64_t epoch = 0;
  };
  Result<Identity> begin_epoch(const std::string& hostname, WallTime now);

 private:
  Connection& connection_;
};

struct SuspensionRecord {
  std::string destination;  // domain as in recipients' addresses
  std::string reason;
  WallTime since{};
  WallTime until{};  // 0: until resumed
};

class SuspensionStore {
 public:
  explicit SuspensionStore(Connection& connection) : connection_(connection) {}
  Result<void> suspend(const SuspensionRecord& record);  // replaces
  Result<void> resume(const std::string& destination);   // kNotFound
  Result<std::vector<SuspensionRecord>> all();

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
