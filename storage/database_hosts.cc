#include "storage/database_hosts.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/base/log.h"

namespace essaim::storage {
namespace {

struct Known {
  std::mutex mutex;
  std::vector<HostUse> hosts;  // a handful
  TellOfHost tell;
};

Known& known() {
  static Known all;
  return all;
}

HostUse& use_of(Known& all, const std::string& host) {
  const auto found = std::find_if(all.hosts.begin(), all.hosts.end(),
                                  [&host](const HostUse& use) { return use.host == host; });
  if (found != all.hosts.end()) return *found;
  all.hosts.emplace_back();
  all.hosts.back().host = host;
  return all.hosts.back();
}

}  // namespace

std::vector<HostUse> database_hosts() {
  Known& all = known();
  const std::lock_guard lock(all.mutex);
  return all.hosts;
}

void know_database_host(const std::string& host) {
  count_host_connection(host, 0);
}

void count_host_connection(const std::string& host, int change) {
  Known& all = known();
  const std::lock_guard lock(all.mutex);
  use_of(all, host).connections += change;
}

void count_host_failure(const std::string& host) {
  Known& all = known();
  const std::lock_guard lock(all.mutex);
  ++use_of(all, host).failures;
}

void set_teller_of_hosts(TellOfHost tell) {
  Known& all = known();
  const std::lock_guard lock(all.mutex);
  all.tell = std::move(tell);
}

void tell_of_host(const std::string& error) {
  TellOfHost tell;
  {
    Known& all = known();
    const std::lock_guard lock(all.mutex);
    tell = all.tell;
  }
  if (tell) return tell(error);
  log::warning("database.host_failed", {{"error", error}});
}

}  // namespace essaim::storage
