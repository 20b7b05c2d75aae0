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
  bool over(WallTime now) const { return until != WallTime{} && until <= now; }
};

// What the ledger says of recipients that wait for the operator, before ": REASON": the reply that they would
// get if we were the next host. All three have kSuspendedWords in them.
const char* suspended_reply(SuspensionScope scope);
const char* to_string(SuspensionScope scope);  // "destination", "list", "everything"
inline constexpr char kSuspendedWords[] = "suspended by the operator";

class SuspensionStore {
 public:
  explicit SuspensionStore(Connection& connection) : connection_(connection) {}
  Result<void> suspend(const SuspensionRecord& record);  // replaces
  // kNotFound
  Result<void> resume(const std::string& subject, SuspensionScope scope = SuspensionScope::kDestination);
  // By scope and subject; also those whose time is over and that nobody has removed yet.
  Result<std::vector<SuspensionRecord>> all();
  // Removes those whose time is over, and gives them.
  Result<std::vector<SuspensionRecord>> drop_expired(WallTime now);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
