// What holds for one destination: the settings of all, with those of the rule that names it laid over them. And the
// way from a domain to its next hop under these settings. Policies are immutable and shared between loops.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "delivery/engine.h"
#include "delivery/next_hop.h"
#include "delivery/tls/tls_lookup.h"

namespace essaim::delivery {

struct DestinationPolicy {
  std::string rule;       // its name; "" when no rule names this destination
  bool own = false;       // to ourselves
  std::string smarthost;  // "": by MX
  std::uint16_t port = 25;
  TlsSetting tls = TlsSetting::kBest;
  std::vector<std::string> tls_names;
  int connections = 20, connections_initial = 2;
  std::size_t recipients_per_transaction = 100;
  int transactions_per_connection = 100;
  Rate rate;
  bool limited = false;  // by the rule itself, in connections or rate
  std::string group;  // of the destinations with which it shares them: the rule's name; "": they are its own
  std::string source_ipv4, source_ipv6;
  // Its hosts are not those of the domain.
  bool our_way() const { return own || !smarthost.empty(); }
  friend bool operator==(const DestinationPolicy&, const DestinationPolicy&) = default;
};

std::shared_ptr<const DestinationPolicy> make_policy(const EngineSettings& settings,
                                                     const DestinationRule* rule);

// Whether mail for the domain goes to the smart host of all: then it need not be kept apart from other domains' mail.
bool goes_with_all(const EngineSettings& settings, const std::string& domain);
// Whether all mail goes by one smart host, and that with this policy.
bool takes_all(const EngineSettings& settings, const DestinationPolicy& policy);
// By which smart host it goes, as far as that is known without asking a name server; "" for none.
std::string smarthost_of(const EngineSettings& settings, const std::string& domain);
// Whether a change from one to the other changes a way or a limit.
bool same_ways(const EngineSettings& a, const EngineSettings& b);

// The hop has its policy, and a key that differs wherever connections must not
// be shared: by host set, port, smart host, rule, group, source address and TLS policy. `done` comes once, on the resolver's
// loop, never from within the call; destroying the query cancels.
// The TLS policy of each host comes with it (tls/tls_lookup.h); hosts that it rules out are not among the hosts. `sts`
// may be null: there is no MTA-STS.
std::unique_ptr<NextHopQuery> resolve_destination(net::EventLoop& loop, dns::Resolver& resolver,
                                                  StsPolicies* sts, const Way& way,
                                                  const EngineSettings& settings,
                                                  std::function<void(NextHopPtr)> done);

// In words, a line each, for `destination explain`.
std::string describe(const DestinationPolicy& policy);
// What becomes of mail with REQUIRETLS (RFC 8689): `hop` is its way, found by TlsDemand::kRequired.
std::string describe_require_tls(const NextHop& hop);

}  // namespace essaim::delivery
