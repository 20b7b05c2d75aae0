#include "delivery/suspended_hosts.h"

#include <algorithm>

#include "core/base/text.h"
#include "delivery/destination_rule.h"

namespace essaim::delivery {
namespace {

SuspendedHosts::Wait wait_of(const storage::SuspensionRecord& record) {
  SuspendedHosts::Wait wait;
  wait.pattern = record.subject.substr(storage::kSuspendedHosts.size());
  wait.until = record.until;
  std::string text = storage::suspended_reply(record.scope);
  text.erase(0, text.find(' ', text.find(' ') + 1) + 1);  // the code and the enhanced one
  text += ": hosts " + wait.pattern;
  if (!record.reason.empty()) text += ": " + record.reason;
  wait.reply = smtp::reply(451, "4.7.0", text);
  return wait;
}

}  // namespace

std::string suspended_name(const std::string& host) {
  std::string name = ascii_lowered(host);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  return name;
}

bool SuspendedHosts::set(const std::vector<storage::SuspensionRecord>& records) {
  std::vector<Wait> waits;
  for (const storage::SuspensionRecord& record : records)
    if (record.scope == storage::SuspensionScope::kDestination &&
        record.subject.starts_with(storage::kSuspendedHosts))
      waits.push_back(wait_of(record));
  const std::lock_guard lock(mutex_);
  if (waits == waits_) return false;
  waits_ = std::move(waits);
  any_ = !waits_.empty();
  return true;
}

std::optional<SuspendedHosts::Wait> SuspendedHosts::of(const NextHop& hop, WallTime now) const {
  if (!any_ || hop.own) return {};
  const std::lock_guard lock(mutex_);
  for (const Wait& wait : waits_) {
    if (wait.until != WallTime{} && wait.until <= now) continue;
    const auto named = [&](const NextHop::Host& host) {
      return matches_pattern(wait.pattern, suspended_name(host.candidate.name));
    };
    if (std::any_of(hop.hosts.begin(), hop.hosts.end(), named)) return wait;
  }
  return {};
}

}  // namespace essaim::delivery
