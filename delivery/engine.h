// The outbound side as the daemon sees it: bring posts to their recipients and keep the ledger. See
// ARCHITECTURE.md for the way of a batch: QueueManager (claims, records) -> Destination (limits, on its home
// loop) -> Courier (connection).
//
// Thread: start/stop and the operator's calls are thread-safe; callbacks of the operator's calls come on the
// queue's loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"
#include "delivery/courier.h"
#include "delivery/destination_rule.h"
#include "delivery/personal.h"
#include "delivery/shares.h"
#include "delivery/signing.h"
#include "delivery/tls/host_tls.h"
#include "delivery/tls/sts_policies.h"
#include "storage/cluster/node_lease.h"
#include "storage/database.h"
#include "storage/node_store.h"
#include "storage/post_store.h"

namespace essaim::delivery {

struct EngineSettings {
  std::string hostname;
  std::string smarthost;    // "host:port" or "[ip]:port"; "" for MX lookup
  std::uint16_t port = 25;  // of MX hosts
  TlsSetting tls = TlsSetting::kBest;
  StsSettings sts;
  bool chunking = true;  // BDAT (RFC 3030) where it is offered
  bool chaining = true;  // the next envelope behind the final dot (RFC 2920) where PIPELINING is offered
  bool ipv4 = true, ipv6 = true;
  std::size_t recipients_per_transaction = 100;
  int transactions_per_connection = 100;
  int connections_per_destination = 20;
  int connections_initial = 2;  // slow start
  int connections_total = 1000;
  Duration retry_initial = std::chrono::minutes(5);
  Duration retry_max = std::chrono::hours(4);
  Duration connect_timeout = std::chrono::seconds(30);
  Duration command_timeout = std::chrono::minutes(5);
  Duration idle_timeout = std::chrono::seconds(5);
  // Who says nothing for so long loses its connection, if nothing of a message has been sent and others wait for the place.
  Duration silence = std::chrono::seconds(30);
  std::size_t active_batches = 64;       // in memory; bounds it
  std::size_t post_memory = 128U << 20;  // octets of posts in memory (one may always be); fixed at start
  std::string journal_directory;
  std::vector<std::string> own_addresses;     // numeric; an MX that points here is ourselves
  std::optional<std::uint16_t> own_port;      // for such mail (next_hop.h)
  std::vector<DestinationRule> destinations;  // in the order of the configuration
};

// A recipient that failed for good, told inside the transaction that records it.
struct Failure {
  const storage::PostRecord* post = nullptr;  // the caller's; shared by many
  storage::BatchRecipient recipient;
  smtp::Reply reply;
  std::string host;
  // It says something about the message and nothing about the recipient (storage::kAboutMessage): no bounce.
  bool about_message = false;
};

// Bound by the daemon to the bounce handling of lists. Runs on a database thread inside the recording
// transaction.
class FailureListener {
 public:
  virtual ~FailureListener() = default;
  virtual Result<void> on_failures(storage::Connection& connection, const std::vector<Failure>& failures) = 0;
};

struct DestinationStatus {
  std::string domain;  // or the smart host
  std::string key;     // MX set
  std::vector<std::string> hosts;
  int connections = 0;
  int limit = 0;             // concurrency allowed now
  std::int64_t waiting = 0;  // recipients queued in memory
  std::string rule;          // of the configuration that holds for it; "" if none
  // "active", "idle", "refuses all for good: ...", "resolving", "waits for a connection, ...", "suspended until ...: reason"
  std::string state;
  std::vector<std::string> last_replies;  // newest first, with time
  // Of a group (destination_group.h), or a destination in it: its name. A group has no hosts, and sums.
  std::string group;
  int destinations = 1;
};

// Of all destinations that are in memory.
struct EngineLoad {
  int connections = 0;
  int trials = 0;       // of these, to destinations that are not proven to take mail
  int most_trials = 0;  // places for such
  int destinations = 0;
  int suspended = 0;  // for now, because of their hosts
  int groups_suspended = 0;
  int refusing = 0;         // all that we bring, for good (refusals.h)
  std::size_t unsaved = 0;  // outcomes that the journal has and the database does not have yet
};

class Engine {
 public:
  struct Parts {
    storage::Database& database;
    storage::NodeStore::Identity node;
    const Clock& clock;
    std::vector<net::EventLoop*> loops;     // they run connections
    std::vector<dns::Resolver*> resolvers;  // one per loop
    std::shared_ptr<net::TlsClientContext> tls;
    const TokenMinter& minter;
    FailureListener& failures;
    // Of a node that shares its database: it claims, saves and sends while the lease holds, and ends it when a claim or a save
    // shows that others have its work. Null: a node alone.
    storage::NodeLease* lease = nullptr;
    http::HttpClient* http = nullptr;  // fetches MTA-STS policies; null: there is no MTA-STS
    KeySource keys{};                  // empty: nothing is signed
  };
  static Result<std::unique_ptr<Engine>> make(const Parts& parts, const EngineSettings& settings);
  virtual ~Engine() = default;

  virtual Result<void> start() = 0;  // recovers the journal first; blocking
  // New work was committed. Cheap; coalesced.
  virtual void ring() = 0;
  // The port by which this server takes its own mail is about to close: what is for it is not tried any more, and waits in memory
  // for the drain, which gives it back.
  virtual void close_own() = 0;
  // The rank for batch 0 of a post that is expanded now (see BatchStore).
  virtual std::int64_t current_rank() const = 0;
  // The database is damaged where each claim must read it, and nothing goes out. Thread-safe.
  virtual bool stands_still() const = 0;
  // Nothing new is sent, as the database that is shared has not taken for a while what became of recipients (save_watch.h), and the
  // log has told it. Thread-safe.
  virtual bool paused() const = 0;
  // For so long that others should rather take mail: a database that is slow for a moment is so for all nodes. Thread-safe.
  virtual bool paused_long() const = 0;
  // Stops claiming, finishes the transactions under way (bounded by `grace`), records, releases. With a lease that has
  // ended it cuts them off and leaves all to the journal. Blocking; not from a loop.
  virtual void drain(Duration grace) = 0;
  virtual void reconfigure(const EngineSettings& settings) = 0;  // what can change while it runs

  // Among nodes. Which serve, in order: this one with them unless it rests. Posts are expanded where they came in; those of
  // others, as of a node that drains, by the one to which their id falls.
  virtual void set_nodes(std::vector<int> serving) = 0;
  // What the others want of destinations: budgets are shared with them (delivery/shares.h). `nodes`: that are at work, with this
  // one. Thread-safe; it holds from the next look of each destination on.
  virtual void set_demands(Demands others, int nodes) = 0;
  // What they are told that this one wants (keep_told()). `done` runs on the queue's thread.
  virtual void demands(std::function<void(std::vector<OwnDemand>)> done) = 0;
  // The lease holds again: what was paused goes on.
  virtual void lease_again() = 0;
  // While it rests, nothing is claimed, and what is in memory and not in flight goes back. What is for this server itself is not
  // tried any more from the call on, as by close_own(): its port may refuse then.
  virtual void rest(bool on) = 0;

  // Operator. recall(): what is in memory of these posts (empty: all) and not in flight goes back to the
  // database, then `then` runs on the queue's thread; new claims of them wait until then. Used before hold,
  // delete, retry. An engine that ends, or has ended, drops `then` instead.
  virtual void recall(std::vector<Id> posts, std::function<void()> then) = 0;
  // Somebody has held posts: what is in memory of them goes back likewise, while claims go on. Thread-safe; returns at once.
  virtual void holds_changed() = 0;
  virtual void destinations(std::function<void(std::vector<DestinationStatus>)> done) = 0;
  // The `most` destinations with the most recipients or connections, a group as one, and sums of all. Cheap also with very many
  // destinations. `done` runs on the queue's thread.
  virtual void busiest(std::size_t most,
                       std::function<void(std::vector<DestinationStatus>, const EngineLoad& load)> done) = 0;
  virtual void explain(const std::string& domain,
                       std::function<void(DestinationStatus, std::string text)> done) = 0;
  virtual void suspensions_changed() = 0;                         // reads them again
  virtual void retry_destination(const std::string& domain) = 0;  // forget that it was dead
  // Trace of the dialogues of one destination domain or of all that carry a list's post ("" ends it).
  struct TraceTarget {
    std::string destination;
    std::string list;
  };
  virtual void set_trace(TraceTarget target, std::function<void(std::string line)> sink) = 0;
};

}  // namespace essaim::delivery
