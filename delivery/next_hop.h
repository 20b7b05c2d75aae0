// Where mail for a domain goes: the hosts with their preferences, or why it cannot go anywhere. Immutable
// once made; shared between loops. `candidates()` is pure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "delivery/work.h"

namespace essaim::delivery {

struct DestinationPolicy;
struct TlsAnswer;

struct NextHop {
  struct Host {
    int preference = 0;
    HostCandidate candidate;
    bool secure = false;         // its addresses (core/dns/resolver.h)
    std::string canonical = {};  // its name behind aliases
  };
  enum class Kind {
    kHosts,
    kDefer,  // `reply` says why; later
    kFail,   // for good
  };
  Kind kind = Kind::kDefer;
  std::string key;  // of the destination: the same MX set and port have the same one
  std::vector<Host> hosts;
  smtp::Reply reply;
  std::chrono::seconds ttl{0};
  bool own = false;        // this server is the domain's host, and takes the mail by its own port
  bool mx_secure = false;  // the MX records, or that there are none
  std::shared_ptr<const TlsAnswer> tls;  // set by resolve_destination(), then never null for kHosts
  std::shared_ptr<const DestinationPolicy> policy;  // set by resolve_destination(), then never null
};
using NextHopPtr = std::shared_ptr<const NextHop>;

// By preference (RFC 5321 §5.1), in random order among equals, but those that failed lately (`failing`)
// behind all others. At most `limit`. `random` gives numbers for the shuffle.
std::vector<HostCandidate> candidates(const NextHop& hop,
                                      const std::function<bool(const std::string& address)>& failing,
                                      const std::function<std::uint64_t()>& random, std::size_t limit = 16);

struct NextHopOptions {
  std::uint16_t port = 25;
  bool ipv4 = true, ipv6 = true;
  std::vector<std::string> own_names;      // our host name: an MX of that name is ourselves
  std::vector<std::string> own_addresses;  // numeric
  // On loopback, where this server takes what it has for itself, as a list that is a member of another. Nothing: a domain whose
  // host it is loops. 0: not known here.
  std::optional<std::uint16_t> own_port;
};

// A look-up under way; destroying it cancels, then `done` is not called.
class NextHopQuery {
 public:
  virtual ~NextHopQuery() = default;
};

// `done` comes once, on the resolver's loop, never from within the call.
std::unique_ptr<NextHopQuery> resolve_domain(net::EventLoop& loop, dns::Resolver& resolver,
                                             const std::string& domain, const NextHopOptions& options,
                                             std::function<void(NextHopPtr)> done);
// "host:port", "[address]:port" or "address:port".
std::unique_ptr<NextHopQuery> resolve_smarthost(net::EventLoop& loop, dns::Resolver& resolver,
                                                const std::string& smarthost, const NextHopOptions& options,
                                                std::function<void(NextHopPtr)> done);
// Takes a smart host apart; the error says what is wrong.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool numeric = false;
};
Result<HostPort> parse_smarthost(const std::string& text);

}  // namespace essaim::delivery
