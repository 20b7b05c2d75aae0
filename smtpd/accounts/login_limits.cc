#include "smtpd/accounts/login_limits.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/network.h"

namespace essaim::smtpd {

std::string network_of(std::string_view ip) {
  const auto address = parse_network(ip);
  if (!address) return "unknown";
  const Network network = address->prefix(24, 56);
  return hex_encoded({reinterpret_cast<const char*>(network.octets.data()), network.octets.size()});
}

namespace {

// What was dropped counts, but bars nobody by itself.
bool is_below(std::int64_t most, std::int64_t counted, std::int64_t dropped) {
  return counted + std::min(dropped, most - 1) < most;
}

}  // namespace

bool may_try(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts) {
  const std::int64_t most = counts.account >= limits.under_attack ? 1 : limits.failures;
  return is_below(most, counts.pair, counts.pair_dropped) && may_try_token(limits, counts);
}

bool may_try_token(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts) {
  return is_below(limits.network_failures, counts.network, counts.network_dropped);
}

}  // namespace essaim::smtpd
