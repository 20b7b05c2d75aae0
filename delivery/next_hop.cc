#include "delivery/next_hop.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/dns/mx_lookup.h"

namespace essaim::delivery {
namespace {

smtp::Reply reply_for(const dns::MxResult& result, const std::string& domain) {
  const std::string why = result.problem.empty() ? std::string() : ": " + result.problem;
  switch (result.status) {
    case dns::MxStatus::kNullMx:
      return smtp::reply(556, "5.1.10", "domain " + domain + " does not accept mail (null MX)");
    case dns::MxStatus::kNoSuchDomain:
      return smtp::reply(550, "5.1.2", "domain " + domain + " not found" + why);
    case dns::MxStatus::kNoAddress:
      return smtp::reply(550, "5.4.4", "no host of domain " + domain + " has an address" + why);
    case dns::MxStatus::kLoop:
      return smtp::reply(554, "5.4.6", "mail for " + domain + " loops back to us" + why);
    case dns::MxStatus::kTemporary:
    case dns::MxStatus::kHosts:
      break;
  }
  return smtp::reply(451, "4.4.3", "look-up of domain " + domain + " failed" + why);
}

bool is_ipv6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

void add_host(NextHop* hop, int preference, const dns::MxHost& host, std::uint16_t port,
              const NextHopOptions& options) {
  for (const std::string& address : host.addresses) {
    if (is_ipv6(address) ? !options.ipv6 : !options.ipv4) continue;
    hop->hosts.push_back({preference, {host.name, address, port}, host.secure, host.canonical});
  }
}

NextHopPtr hop_of(const dns::MxResult& result, const std::string& domain, const NextHopOptions& options) {
  auto hop = std::make_shared<NextHop>();
  hop->ttl = result.ttl;
  if (result.status == dns::MxStatus::kHosts) {
    for (const dns::MxHost& host : result.hosts)
      add_host(hop.get(), host.preference, host, options.port, options);
    hop->mx_secure = result.secure;
    hop->key = result.key + ":" + std::to_string(options.port);
    hop->kind = NextHop::Kind::kHosts;
    if (!hop->hosts.empty()) return hop;
    // Only addresses of a family that is switched off here: that may be mended on our side.
    hop->kind = NextHop::Kind::kDefer;
    hop->reply = smtp::reply(451, "4.3.5", "no host of domain " + domain + " has an address that we may use");
    return hop;
  }
  if (result.status == dns::MxStatus::kLoop && options.own_port && !options.own_names.empty()) {
    hop->kind = NextHop::Kind::kHosts;
    hop->own = true;
    hop->key = "ourselves";
    hop->hosts.push_back({0, {options.own_names.front(), "127.0.0.1", *options.own_port}, false, {}});
    return hop;
  }
  hop->kind = result.status == dns::MxStatus::kTemporary ? NextHop::Kind::kDefer : NextHop::Kind::kFail;
  hop->reply = reply_for(result, domain);
  return hop;
}

class DomainQuery : public NextHopQuery {
 public:
  DomainQuery(net::EventLoop& loop, dns::Resolver& resolver, const std::string& domain,
              const NextHopOptions& options, std::function<void(NextHopPtr)> done)
      : lookup_(loop, resolver, domain, mx_options(options),
                [domain, options, done = std::move(done)](dns::MxResult result) {
                  done(hop_of(result, domain, options));
                }) {}

 private:
  static dns::MxOptions mx_options(const NextHopOptions& options) {
    dns::MxOptions mx;
    mx.is_own_name = [names = options.own_names](const std::string& host) {
      return std::any_of(names.begin(), names.end(),
                         [&](const std::string& name) { return equals_ignoring_case(name, host); });
    };
    mx.is_own_address = [addresses = options.own_addresses](const std::string& ip) {
      return std::find(addresses.begin(), addresses.end(), ip) != addresses.end();
    };
    return mx;
  }

  dns::MxLookup lookup_;
};

// A smart host: no MX (the operator names the host), and whatever is wrong with it is temporary.
class HostQuery : public NextHopQuery {
 public:
  HostQuery(net::EventLoop& loop, dns::Resolver& resolver, const std::string& smarthost,
            const NextHopOptions& options, std::function<void(NextHopPtr)> done) {
    Result<HostPort> parsed = parse_smarthost(smarthost);
    auto hop = std::make_shared<NextHop>();
    hop->key = "smarthost " + smarthost;
    if (!parsed.ok()) {
      hop->reply = smtp::reply(451, "4.3.5", "smart host: " + parsed.error().message);
      later(loop, hop, std::move(done));
      return;
    }
    if (parsed->numeric) {
      hop->kind = NextHop::Kind::kHosts;
      hop->ttl = std::chrono::hours(1);
      hop->hosts.push_back({0, {"[" + parsed->host + "]", parsed->host, parsed->port}, false, {}});
      later(loop, hop, std::move(done));
      return;
    }
    query_ = resolver.addresses(
        ascii_lowered(parsed->host),
        [hop, host = *parsed, options, done = std::move(done)](const dns::AddressAnswer& answer) {
          hop->ttl = answer.ttl;
          if (answer.status == dns::Status::kOk)
            add_host(hop.get(), 0, {0, host.host, answer.addresses, answer.secure, answer.canonical},
                     host.port, options);
          hop->kind = hop->hosts.empty() ? NextHop::Kind::kDefer : NextHop::Kind::kHosts;
          if (hop->hosts.empty())
            hop->reply = smtp::reply(451, "4.4.3",
                                     "smart host " + host.host + " has no address" +
                                         (answer.problem.empty() ? "" : ": " + answer.problem));
          done(hop);
        });
  }

 private:
  void later(net::EventLoop& loop, const NextHopPtr& hop, std::function<void(NextHopPtr)> done) {
    loop.post([hop, done = std::move(done), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) done(hop);
    });
  }

  std::unique_ptr<dns::Query> query_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

std::vector<HostCandidate> candidates(const NextHop& hop,
                                      const std::function<bool(const std::string& address)>& failing,
                                      const std::function<std::uint64_t()>& random, std::size_t limit) {
  struct Ranked {
    const NextHop::Host* host;
    bool failing;
    std::uint64_t shuffle;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(hop.hosts.size());
  for (const NextHop::Host& host : hop.hosts)
    ranked.push_back({&host, failing(host.candidate.address), random()});
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    if (a.failing != b.failing) return b.failing;
    if (a.host->preference != b.host->preference) return a.host->preference < b.host->preference;
    return a.shuffle < b.shuffle;
  });
  std::vector<HostCandidate> list;
  for (const Ranked& one : ranked) {
    if (list.size() == limit) break;
    list.push_back(one.host->candidate);
    list.back().failing = one.failing;
  }
  return list;
}

std::unique_ptr<NextHopQuery> resolve_domain(net::EventLoop& loop, dns::Resolver& resolver,
                                             const std::string& domain, const NextHopOptions& options,
                                             std::function<void(NextHopPtr)> done) {
  return std::make_unique<DomainQuery>(loop, resolver, domain, options, std::move(done));
}

std::unique_ptr<NextHopQuery> resolve_smarthost(net::EventLoop& loop, dns::Resolver& resolver,
                                                const std::string& smarthost, const NextHopOptions& options,
                                                std::function<void(NextHopPtr)> done) {
  return std::make_unique<HostQuery>(loop, resolver, smarthost, options, std::move(done));
}

Result<HostPort> parse_smarthost(const std::string& text) {
  const Error wrong{ErrorCode::kInvalid, "\"" + text + "\" is not host:port"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  HostPort result;
  result.host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return wrong;
  result.port = static_cast<std::uint16_t>(*port);
  const bool bracketed = result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']';
  if (bracketed) result.host = result.host.substr(1, result.host.size() - 2);
  if (result.host.empty()) return wrong;
  result.numeric = net::SocketAddress::from_ip(result.host, result.port).ok();
  if (bracketed != is_ipv6(result.host) && (!bracketed || !result.numeric)) return wrong;
  return result;
}

}  // namespace essaim::delivery
