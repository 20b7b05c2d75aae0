#include "smtpd/accounts/login_limits.h"

#include "core/base/encoding.h"
#include "core/base/network.h"

namespace essaim::smtpd {

std::string network_of(std::string_view ip) {
  const auto address = parse_network(ip);
  if (!address) return "unknown";
  const Network network = address->prefix(24, 56);
  return hex_encoded({reinterpret_cast<const char*>(network.octets.data()), network.octets.size()});
}

bool may_try(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts) {
  const std::int64_t most = counts.account >= limits.under_attack ? 1 : limits.failures;
  return counts.pair < most && counts.network < limits.network_failures;
}

bool may_try_token(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts) {
  return counts.network < limits.network_failures;
}

}  // namespace essaim::smtpd
