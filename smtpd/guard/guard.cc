#include "smtpd/guard/guard.h"

#include <algorithm>
#include <limits>

#include "core/base/counters.h"
#include "core/base/log.h"

namespace essaim::smtpd::guard {

struct Guard::Place {
  Network address;  // whole: one host of IPv6 can be exempt, of a client that is a /64
  Network client;
  Network network;
  Shard& shard;

  bool exempt() const {
    const auto& networks = shard.settings->exempt;
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& n) { return n.contains(address); });
  }
};

Guard::Guard(GuardSettings settings, std::string hostname, const Clock& clock,
             const smtp::MemoryBudget* memory, std::function<double()> descriptors,
             std::function<double()> free_octets)
    : hostname_(std::move(hostname)),
      clock_(clock),
      // A network is larger than a client: their entries are never the same one.
      ipv4_network_bits_(std::clamp(settings.ipv4_network_bits, 0, 31)),
      ipv6_client_bits_(std::clamp(settings.ipv6_client_bits, 1, 128)),
      ipv6_network_bits_(std::clamp(settings.ipv6_network_bits, 0, ipv6_client_bits_ - 1)),
      gauge_(clock, memory, std::move(descriptors)),
      free_octets_(clock, std::move(free_octets), std::numeric_limits<double>::infinity()) {
  const std::size_t idle = std::max<std::size_t>(settings.max_idle_entries / shards_.size(), 2);
  for (Shard& shard : shards_) shard.table = std::make_unique<Table>(idle);
  set_settings(std::move(settings));
}

void Guard::set_settings(GuardSettings settings) {
  const auto shared = std::make_shared<const GuardSettings>(std::move(settings));
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.settings = shared;
  }
}

std::optional<Guard::Place> Guard::place_of(std::string_view ip) {
  const auto address = parse_network(ip);
  if (!address) return std::nullopt;
  const Network network = address->prefix(ipv4_network_bits_, ipv6_network_bits_);
  return Place{*address, address->prefix(32, ipv6_client_bits_), network,
               shards_[NetworkHash{}(network) % shards_.size()]};
}

smtp::Reply Guard::come_later(const char* enhanced, const std::string& why) const {
  return smtp::reply(421, enhanced, hostname_ + " " + why + "; try again later");
}

std::optional<smtp::Reply> Guard::refusal_of_scope(const Entry& entry, const ScopeLimits& limits,
                                                   const char* who) const {
  const MonoTime now = clock_.mono_now();
  if (limits.max_connections > 0 && entry.connections_now >= limits.max_connections) {
    return come_later("4.7.0", std::string("Too many connections at the same time from your ") + who);
  }
  if (!entry.connections.has_room(limits.connections, now)) {
    return come_later("4.7.0", std::string("Too many connections in a short time from your ") + who);
  }
  if (!entry.errors.has_room(limits.errors, now) || !entry.junk.has_room(limits.junk, now)) {
    return come_later("4.7.0", std::string("Too many errors of late from your ") + who);
  }
  return std::nullopt;
}

std::optional<smtp::Reply> Guard::refusal_at_connect(const Place& place, Entry& client,
                                                     Entry& network) const {
  if (place.exempt()) return std::nullopt;
  const GuardSettings& settings = *place.shard.settings;
  auto refusal = refusal_of_scope(client, settings.client, "address");
  if (!refusal) refusal = refusal_of_scope(network, settings.network, "network");
  if (refusal) return refusal;
  const MonoTime now = clock_.mono_now();
  client.connections.count(settings.client.connections, now);
  network.connections.count(settings.network.connections, now);
  return std::nullopt;
}

// Two threads must not both take the last place.
bool Guard::enter_if_room(std::uint32_t limit) {
  std::uint32_t before = connections_.load(std::memory_order_relaxed);
  do {
    if (before >= limit) return false;
  } while (!connections_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed));
  return true;
}

Verdict Guard::try_connect(std::string_view ip) {
  Verdict verdict = judge_connect(ip);
  if (!verdict.allowed()) essaim::count(Counter::kShedConnections);
  return verdict;
}

Verdict Guard::judge_connect(std::string_view ip) {
  const Level now = level();
  Verdict verdict{std::nullopt, now != Level::kCalm};
  if (now == Level::kFull) {
    verdict.refusal = come_later("4.3.2", "Short of resources");
    return verdict;
  }
  const auto place = place_of(ip);
  Shard& shard = place ? place->shard : shards_[0];
  const std::lock_guard lock(shard.mutex);
  if (!enter_if_room(shard.settings->max_connections)) {
    verdict.refusal = come_later("4.3.2", "Too many connections");
    return verdict;
  }
  if (!place) return verdict;
  Entry& client = shard.table->at(place->client);
  Entry& network = shard.table->at(place->network);
  verdict.refusal = refusal_at_connect(*place, client, network);
  if (verdict.allowed()) {
    ++client.connections_now;
    ++network.connections_now;
  } else {
    connections_.fetch_sub(1, std::memory_order_relaxed);
  }
  shard.table->settle(client, network);
  return verdict;
}

void Guard::disconnected(std::string_view ip) {
  connections_.fetch_sub(1, std::memory_order_relaxed);
  const auto place = place_of(ip);
  if (!place) return;
  const std::lock_guard lock(place->shard.mutex);
  for (const Network* key : {&place->client, &place->network}) {
    Entry* entry = place->shard.table->find(*key);
    if (entry == nullptr || entry->connections_now == 0) continue;
    --entry->connections_now;
    place->shard.table->settle(*entry);
  }
}

// Counts one of these where client and network have room for it; false: they have none. Errors and junk are
// counted in any case.
bool Guard::count(std::string_view ip, What what) {
  static constexpr Rate Entry::*kRates[] = {&Entry::messages, &Entry::recipients, &Entry::errors,
                                            &Entry::junk};
  static constexpr RateLimit ScopeLimits::*kLimits[] = {&ScopeLimits::messages, &ScopeLimits::recipients,
                                                        &ScopeLimits::errors, &ScopeLimits::junk};
  const auto place = place_of(ip);
  if (!place) return true;
  const auto index = static_cast<std::size_t>(what);
  const MonoTime now = clock_.mono_now();
  const std::lock_guard lock(place->shard.mutex);
  if (place->exempt()) return true;
  const GuardSettings& settings = *place->shard.settings;
  const RateLimit& client_limit = settings.client.*kLimits[index];
  const RateLimit& network_limit = settings.network.*kLimits[index];
  Entry& client = place->shard.table->at(place->client);
  Entry& network = place->shard.table->at(place->network);
  const bool room = what == What::kErrors || what == What::kJunk ||
                    ((client.*kRates[index]).has_room(client_limit, now) &&
                     (network.*kRates[index]).has_room(network_limit, now));
  if (room) {
    (client.*kRates[index]).count(client_limit, now);
    (network.*kRates[index]).count(network_limit, now);
  }
  place->shard.table->settle(client, network);
  return room;
}

Verdict Guard::on_mail(std::string_view ip) {
  Verdict verdict{std::nullopt, stressed()};
  verdict.refusal = refusal_for_disk();
  if (verdict.allowed() && !count(ip, What::kMessages)) {
    verdict.refusal = come_later("4.7.0", "Too many messages in a short time from your address");
  }
  if (!verdict.allowed()) essaim::count(Counter::kShedMessages);
  return verdict;
}

std::optional<smtp::Reply> Guard::refusal_for_disk() {
  if (!disk_short()) return std::nullopt;
  return smtp::reply(452, "4.3.1", "Insufficient system storage; try again later");
}

Verdict Guard::on_rcpt(std::string_view ip) {
  Verdict verdict{std::nullopt, gauge_.level() != Level::kCalm};
  if (!count(ip, What::kRecipients)) {
    essaim::count(Counter::kShedRecipients);
    verdict.refusal = smtp::reply(450, "4.7.1",
                                  "Too many recipients in a short time from your address; "
                                  "send this one later");
  }
  return verdict;
}

std::optional<smtp::Reply> Guard::on_rcpt_of(const std::string& account) {
  RateLimit limit;
  {
    const std::lock_guard lock(shards_[0].mutex);
    limit = shards_[0].settings->account_recipients;
  }
  if (accounts_.count(account, limit, clock_.mono_now())) return std::nullopt;
  essaim::count(Counter::kShedRecipients);
  return smtp::reply(450, "4.7.1",
                     "Too many recipients in a short time from your account; send this one later");
}

void Guard::on_error(std::string_view ip) {
  count(ip, What::kErrors);
}

void Guard::on_junk(std::string_view ip) {
  count(ip, What::kJunk);
}

Level Guard::level() {
  PressureLimits limits;
  {
    const std::lock_guard lock(shards_[0].mutex);
    limits = shards_[0].settings->pressure;
  }
  return gauge_.update(pressure(), limits);
}

// What is taken already can be delivered and recorded as long as new mail leaves it the disk.
bool Guard::disk_short() {
  std::uint64_t least = 0;
  {
    const std::lock_guard lock(shards_[0].mutex);
    least = shards_[0].settings->min_free_octets;
  }
  const double left = free_octets_.get();
  const bool now = left < static_cast<double>(least);
  if (now != disk_was_short_.load(std::memory_order_relaxed) && disk_was_short_.exchange(now) != now) {
    log::warning(now ? "disk-nearly-full" : "disk-has-room",
                 {{"free_mb", static_cast<std::int64_t>(left / 1e6)},
                  {"least_mb", static_cast<std::int64_t>(least / 1'000'000)}});
  }
  return now;
}

bool Guard::stressed() {
  return level() != Level::kCalm;
}

bool Guard::full() {
  return level() == Level::kFull || connections() >= max_connections();
}

std::uint32_t Guard::max_connections() const {
  const std::lock_guard lock(shards_[0].mutex);
  return shards_[0].settings->max_connections;
}

Pressure Guard::pressure() const {
  const std::uint32_t most = max_connections();
  return gauge_.measure(most == 0 ? 1.0 : static_cast<double>(connections()) / most);
}

std::size_t Guard::entries() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.table->size();
  }
  return sum;
}

}  // namespace essaim::smtpd::guard
