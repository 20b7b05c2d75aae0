// Nodes with their epochs, and suspensions of destinations and lists. Inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/cluster/observer.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct DamagedBatch;

// Numbers of nodes are in ids (core/base/id.h). The highest are for command lines, which have no row.
inline constexpr int kFirstCommandLineNode = 1000;

class NodeStore {
 public:
  explicit NodeStore(Connection& connection) : connection_(connection) {}
  // Registers the node by host name and begins a new epoch, at work. Gives {number (from 1), epoch}. kExists: another node has
  // taken the number meanwhile; try again. An operator's wish that it drains outlives its end, however that comes.
  struct Identity {
    int number = 0;
    std::int64_t epoch = 0;
  };
  // What is known of a server under this name that has ended without saying so.
  struct Ended {
    WallTime started{};                // it began then, by its begin_epoch(); 0: not known
    std::int64_t epoch = 0, beat = 0;  // or was seen like this for as long as no living one is; 0: was not
  };
  // With `ended` another one than that, which is at work, keeps its epoch, and this is kConflict. Without it, whoever was at
  // work has ended.
  Result<Identity> begin_epoch(const std::string& hostname, WallTime now, Duration lease = {},
                               const std::string& version = {}, const Ended* ended = nullptr);
  // False: the epoch is over, by a takeover or another server under this name. A claim begins with it, so that no claim is
  // committed behind a takeover: both write this row.
  Result<bool> beat(Identity self);
  // The same, with what the node wants of destinations for programs that look for it in the row (node_demand.h).
  Result<bool> beat(Identity self, const std::string& demand);
  // Whether it is this node's epoch still; without a beat.
  Result<bool> is_running(Identity self);
  // Whether a transaction of somebody holds the node's row, so that fence() would have to wait. Does not wait itself; then the
  // row is ours until the end of the transaction. Never so where one process writes at a time.
  Result<bool> held_by_others(int number);
  // Ends the epoch of a node that is believed dead. False: it has beaten since it was seen, or is at work no more.
  Result<bool> fence(const NodeSight& dead);
  // Makes up to `limit` batches ready that the node owns in an epoch before its present one. Those whose rows cannot be changed
  // come to `damaged`.
  Result<std::int64_t> release_fenced(int number, std::int64_t limit, std::vector<DamagedBatch>* damaged);
  // The node has ended in order; what it still owns, if anything, is of an epoch that is over. False: it was already.
  Result<bool> end_epoch(Identity self);
  Result<std::vector<NodeSight>> all();  // by number
  Result<std::optional<NodeSight>> find(const std::string& hostname);
  // What an operator wants of a node: of one that is down, for when it is back. False: there is none.
  Result<bool> want(int number, bool drains);

 private:
  Connection& connection_;
};

// "number, hostname, epoch, beat, lease, state, started, version, demand, drains" at the beginning of a row.
NodeSight node_sight_from(Statement& row);

// What is suspended: mail to a domain, the posts of a list, or all that goes out.
enum class SuspensionScope : int { kDestination = 0, kList = 1, kEverything = 2 };

struct SuspensionRecord {
  // Domain as in recipients' addresses, smart host, or kSuspendedHosts with a pattern ("*.example.net"); address of the list; or "".
  std::string subject;
  std::string reason;
  WallTime since{};
  WallTime until{};  // 0: until resumed
  SuspensionScope scope = SuspensionScope::kDestination;
  bool over(WallTime now) const { return until != WallTime{} && until <= now; }
  bool operator==(const SuspensionRecord&) const = default;
};

// What the ledger says of recipients that wait for the operator, before ": REASON": the reply that they would
// get if we were the next host. All three have kSuspendedWords in them.
const char* suspended_reply(SuspensionScope scope);
const char* to_string(SuspensionScope scope);  // "destination", "list", "everything"
inline constexpr char kSuspendedWords[] = "suspended by the operator";
// Before the pattern where a destination is all domains whose mail these MX hosts take.
inline constexpr std::string_view kSuspendedHosts = "mx ";

class SuspensionStore {
 public:
  explicit SuspensionStore(Connection& connection) : connection_(connection) {}
  Result<void> suspend(const SuspensionRecord& record);  // replaces
  // kNotFound
  Result<void> resume(const std::string& subject, SuspensionScope scope = SuspensionScope::kDestination);
  // That of a list which is deleted, or was renamed and another gets its name: it is not meant for other lists that are called so.
  // It stays where posts wait that were accepted under the name, or may: they would go out by this. True: it ended.
  Result<bool> end_with_name(const std::string& list_address);
  // By scope and subject; also those whose time is over and that nobody has removed yet.
  Result<std::vector<SuspensionRecord>> all();
  // Removes those whose time is over, and gives them.
  Result<std::vector<SuspensionRecord>> drop_expired(WallTime now);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
