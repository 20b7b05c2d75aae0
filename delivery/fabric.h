// What the loops of the delivery share: the settings in force, the budget of connections, and the way from
// one loop to another. Owned by the engine; the sides outlive every task that was posted for them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/executor.h"
#include "core/dns/resolver.h"
#include "delivery/client/lost_handshakes.h"
#include "delivery/client/recipient_limits.h"
#include "delivery/client/troubled_hosts.h"
#include "delivery/doubted_networks.h"
#include "delivery/engine.h"
#include "delivery/next_hop.h"
#include "delivery/note.h"
#include "delivery/places.h"
#include "delivery/shares.h"
#include "delivery/source_troubles.h"
#include "delivery/suspended_hosts.h"
#include "delivery/tls/tls_results.h"
#include "storage/cluster/node_lease.h"

namespace essaim::delivery {

class LoopSide;

// In clear at once for so long, before TLS is tried again.
inline constexpr Duration kBrokenTlsFor = std::chrono::hours(1);

struct Fabric {
  const Clock& clock;
  const TokenMinter& minter;
  std::shared_ptr<net::TlsClientContext> tls;
  std::vector<net::EventLoop*> loops;
  std::vector<std::shared_ptr<LoopSide>> sides;  // one per loop; set before anything runs
  NoteSink* sink = nullptr;
  std::function<void(std::string relay, char side, std::string line)> trace;  // thread-safe
  // Hosts that offered CHUNKING and did not mean it; thread-safe.
  std::shared_ptr<TroubledHosts> chunking = std::make_shared<TroubledHosts>();
  // Hosts that do not take an envelope behind a final dot; thread-safe.
  std::shared_ptr<TroubledHosts> chaining = std::make_shared<TroubledHosts>();
  // Hosts whose TLS is broken, for opportunistic TLS; thread-safe.
  std::shared_ptr<TroubledHosts> broken_tls = std::make_shared<TroubledHosts>(kBrokenTlsFor);
  std::shared_ptr<LostHandshakes> lost_tls = std::make_shared<LostHandshakes>();
  // Of those that told it only by ending the connection; thread-safe.
  std::shared_ptr<RecipientLimits> recipient_limits = std::make_shared<RecipientLimits>();
  StsPolicies* sts = nullptr;  // null: there is no MTA-STS
  std::shared_ptr<TlsResults> tls_results = std::make_shared<TlsResults>();
  std::function<void()> flush_tls_results = [] {};  // thread-safe
  SourceTroubles sources{};
  KeySource keys{};
  std::unique_ptr<Executor> signers{};  // one thread per loop; null: nothing is signed
  // There are fewer for destinations that have taken no message lately, until they take one: who only keeps us waiting, under
  // however many names, leaves the rest to those who take mail. And few for those that are known to keep us waiting.
  Places places{};
  DoubtedNetworks doubted{};
  storage::NodeLease* lease = nullptr;  // null: a node alone
  int node = 0;
  SharedDemands demands{};  // of the other nodes
  SuspendedHosts suspended_hosts{};
  // What is for ourselves is not tried any more (Engine::close_own), or not now (Engine::rest).
  std::atomic<bool> own_closed{false};
  // No transaction is begun, as the database does not take what became of the last ones. What has begun ends. Set by the queue.
  std::atomic<bool> paused{false};

  // Whether this node may act; asked before each transaction and each final dot.
  bool may_act() const { return lease == nullptr || lease->holds(); }

  // By loop: destinations there wait for a connection.
  std::vector<std::atomic<bool>> starving = std::vector<std::atomic<bool>>(loops.size());

  bool take_connection(Standing standing) { return places.take(standing); }
  // The loops where it is waited for hear of it.
  void return_connection(Standing standing);
  void improve_connection(Standing from);  // it stays, of a proven destination
  // A quarter of the connections, and of the batches in memory (each such connection may hold one), is left to the proven; and
  // five sixths of the others to those that are not doubted.
  void set_room(const EngineSettings& settings);

  // Runs `task` on that loop with its side; never after the side was shut.
  void post(std::size_t loop, std::function<void(LoopSide&)> task);
  std::size_t home_of(const std::string& key) const { return std::hash<std::string>{}(key) % loops.size(); }
  // Of its destination: that of the group, if it has one.
  std::size_t home_of(const NextHop& hop) const;

 private:
  void wake_starving();
};

}  // namespace essaim::delivery
