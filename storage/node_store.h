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

// What is suspended: mail to a domain, the posts of a list, or all that goes out.
enum class SuspensionScope : int { kDestination = 0, kList = 1, kEverything = 2 };

struct SuspensionRecord {
  std::string subject;  // domain as in recipients' addresses, address of the list, or ""
  std::string reason;
  WallTime since{};
  WallTime until{};  // 0: until resumed
  SuspensionScope scope = SuspensionScope::kDestination;
};

class SuspensionStore {
 public:
  explicit SuspensionStore(Connection& connection) : connection_(connection) {}
  Result<void> suspend(const SuspensionRecord& record);  // replaces
  // kNotFound
  Result<void> resume(const std::string& subject, SuspensionScope scope = SuspensionScope::kDestination);
  Result<std::vector<SuspensionRecord>> all();

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
