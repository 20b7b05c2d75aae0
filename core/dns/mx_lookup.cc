#include "core/dns/mx_lookup.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include "core/base/random.h"
#include "core/base/text.h"
#include "core/dns/packet.h"
#include "core/net/socket_address.h"

namespace essaim::dns {
namespace {

// RFC 5321 §4.1.3; empty if it is no address in brackets.
std::string literal_address(std::string_view domain) {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return {};
  domain = domain.substr(1, domain.size() - 2);
  const bool v6 = starts_with_ignoring_case(domain, "IPv6:");
  if (v6) domain.remove_prefix(5);
  const auto address = net::SocketAddress::from_ip(domain, 0);
  return address.ok() && address->is_ipv6() == v6 ? address->ip() : std::string();
}

// Fisher and Yates within each run of equal preference.
void shuffle_equals(std::vector<MxHost>* hosts) {
  for (std::size_t begin = 0; begin < hosts->size();) {
    std::size_t end = begin + 1;
    while (end < hosts->size() && (*hosts)[end].preference == (*hosts)[begin].preference) ++end;
    for (std::size_t left = end - begin; left > 1; --left) {
      std::swap((*hosts)[begin + left - 1], (*hosts)[begin + random_u64() % left]);
    }
    begin = end;
  }
}

// The names in order of preference: equals are sorted and joined by ',', steps by ';'. The numbers do not
// matter.
std::string key_of(const std::vector<MxHost>& hosts) {
  std::string key;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (i > 0) key += hosts[i].preference == hosts[i - 1].preference ? ',' : ';';
    key += hosts[i].name;
  }
  return key;
}

}  // namespace

struct MxLookup::Impl {
  Impl(net::EventLoop& l, Resolver& r, const std::string& d, MxOptions o, std::function<void(MxResult)> f)
      : resolver(r), domain(d), options(std::move(o)), done(std::move(f)), soon(l, [this] { finish(); }) {}

  void begin();
  void take_mx(const MxAnswer& answer);
  void use(std::vector<MxHost> sorted);
  bool remove_from(std::uint16_t own_preference);
  void take_addresses(std::size_t index, AddressAnswer answer);
  void conclude();
  void finish_with(MxStatus status, const std::string& problem);
  void finish();

  Resolver& resolver;
  const std::string domain;
  const MxOptions options;
  std::function<void(MxResult)> done;
  net::Timer soon;  // ends lookups that need no question
  MxResult result;
  std::vector<std::unique_ptr<Query>> queries;
  std::size_t missing = 0;
  bool any_temporary = false;
};

void MxLookup::Impl::begin() {
  if (const std::string ip = literal_address(domain); !ip.empty()) {
    const bool own = options.is_own_address && options.is_own_address(ip);
    result.status = own ? MxStatus::kLoop : MxStatus::kHosts;
    if (own) result.problem = "mail for " + domain + " loops back to myself";
    if (!own) result.hosts.push_back({0, domain, {ip}, false, {}});
    result.key = domain;
    result.ttl = std::chrono::hours(24);
    return soon.start(Duration::zero());
  }
  if (!is_host_name(domain)) {
    result.status = MxStatus::kNoSuchDomain;
    result.problem = "\"" + escaped_for_display(domain, 255) + "\" is no domain name";
    return soon.start(Duration::zero());
  }
  queries.push_back(resolver.mx(domain, [this](const MxAnswer& answer) { take_mx(answer); }));
}

void MxLookup::Impl::take_mx(const MxAnswer& answer) {
  result.ttl = answer.ttl;
  result.secure = answer.secure;
  switch (answer.status) {
    case Status::kTemporary:
      return finish_with(MxStatus::kTemporary, answer.problem);
    case Status::kNoName:
      return finish_with(MxStatus::kNoSuchDomain, "the domain " + domain + " does not exist");
    case Status::kNoData:
      return use({{0, domain, {}, false, {}}});  // RFC 5321 §5.1: the implicit MX
    case Status::kOk:
      break;
  }
  std::vector<MxHost> hosts;
  bool null_mx = false;
  for (const MxRecord& record : answer.records) {
    if (record.host == "." || record.host.empty()) {
      null_mx = true;
    } else if (is_host_name(record.host)) {
      hosts.push_back({record.preference, record.host, {}, false, {}});
    }
  }
  if (hosts.empty()) {
    // RFC 7505 §3: "." stands alone. Tolerated: beside other records, by domains that have both, it is
    // overlooked.
    if (null_mx) return finish_with(MxStatus::kNullMx, "the domain " + domain + " accepts no mail (null MX)");
    return finish_with(MxStatus::kNoAddress, "no MX record of " + domain + " names a host");
  }
  std::sort(hosts.begin(), hosts.end(), [](const MxHost& a, const MxHost& b) {
    return std::pair(a.preference, std::string_view(a.name)) <
           std::pair(b.preference, std::string_view(b.name));
  });
  // A host named twice counts where it stands best.
  std::unordered_set<std::string> seen;
  std::erase_if(hosts, [&](const MxHost& host) { return !seen.insert(host.name).second; });
  use(std::move(hosts));
}

// Removes the hosts that are not better than ourselves: they would hand the mail back (RFC 5321 §5.1). False
// if that leaves none, and then the lookup is over.
bool MxLookup::Impl::remove_from(std::uint16_t own_preference) {
  std::erase_if(result.hosts, [&](const MxHost& host) { return host.preference >= own_preference; });
  if (!result.hosts.empty()) return true;
  finish_with(MxStatus::kLoop, "mail for " + domain + " loops back to myself");
  return false;
}

void MxLookup::Impl::use(std::vector<MxHost> sorted) {
  result.hosts = std::move(sorted);
  if (options.is_own_name) {
    const auto own = std::find_if(result.hosts.begin(), result.hosts.end(),
                                  [&](const MxHost& host) { return options.is_own_name(host.name); });
    if (own != result.hosts.end() && !remove_from(own->preference)) return;
  }
  if (result.hosts.size() > options.max_hosts) result.hosts.resize(options.max_hosts);
  result.key = key_of(result.hosts);
  missing = result.hosts.size();
  // The MX query is being delivered and dies with the rest.
  for (std::size_t i = 0; i < result.hosts.size(); ++i) {
    queries.push_back(resolver.addresses(
        result.hosts[i].name, [this, i](AddressAnswer answer) { take_addresses(i, std::move(answer)); }));
  }
}

void MxLookup::Impl::take_addresses(std::size_t index, AddressAnswer answer) {
  if (answer.status == Status::kOk) {
    std::array<std::size_t, 2> seen{};  // of each family: who may use only one of them needs some of that
    std::erase_if(answer.addresses, [&](const std::string& ip) {
      return ++seen[ip.find(':') != std::string::npos ? 1 : 0] > options.max_addresses;
    });
    result.hosts[index].addresses = std::move(answer.addresses);
    result.hosts[index].secure = answer.secure;
    result.hosts[index].canonical = std::move(answer.canonical);
  } else if (answer.status == Status::kTemporary) {
    any_temporary = true;
    if (result.problem.empty()) result.problem = answer.problem;
  }
  result.ttl = std::min(result.ttl, answer.ttl);
  if (--missing == 0) conclude();
}

void MxLookup::Impl::conclude() {
  if (options.is_own_address) {
    const auto own = std::find_if(result.hosts.begin(), result.hosts.end(), [&](const MxHost& host) {
      return std::any_of(host.addresses.begin(), host.addresses.end(), options.is_own_address);
    });
    if (own != result.hosts.end() && !remove_from(own->preference)) return;
  }
  std::erase_if(result.hosts, [](const MxHost& host) { return host.addresses.empty(); });
  if (!result.hosts.empty()) {
    shuffle_equals(&result.hosts);
    return finish_with(MxStatus::kHosts, "");
  }
  if (any_temporary) return finish_with(MxStatus::kTemporary, result.problem);
  finish_with(MxStatus::kNoAddress, "no mail host of " + domain + " has an address");
}

void MxLookup::Impl::finish_with(MxStatus status, const std::string& problem) {
  result.status = status;
  result.problem = problem;
  if (status != MxStatus::kHosts) result.hosts.clear();
  finish();
}

// Last of all: the callback may destroy this.
void MxLookup::Impl::finish() {
  const auto callback = std::exchange(done, nullptr);
  MxResult final_result = std::move(result);
  if (callback) callback(std::move(final_result));
}

MxLookup::MxLookup(net::EventLoop& loop, Resolver& resolver, const std::string& domain, MxOptions options,
                   std::function<void(MxResult)> done)
    : impl_(std::make_unique<Impl>(loop, resolver, domain, std::move(options), std::move(done))) {
  impl_->begin();
}

MxLookup::~MxLookup() = default;

}  // namespace essaim::dns
