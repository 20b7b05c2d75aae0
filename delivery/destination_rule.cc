#include "delivery/destination_rule.h"

#include <algorithm>

namespace essaim::delivery {

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return pattern == name;
  pattern.remove_prefix(1);
  return name.size() > pattern.size() && name.ends_with(pattern);
}

const DestinationRule* rule_for_domain(const std::vector<DestinationRule>& rules, std::string_view domain) {
  for (const DestinationRule& rule : rules)
    for (const std::string& pattern : rule.domains)
      if (matches_pattern(pattern, domain)) return &rule;
  return nullptr;
}

const DestinationRule* rule_for_hosts(const std::vector<DestinationRule>& rules,
                                      const std::vector<std::string>& hosts) {
  for (const DestinationRule& rule : rules)
    for (const std::string& pattern : rule.hosts)
      if (std::any_of(hosts.begin(), hosts.end(),
                      [&](const std::string& host) { return matches_pattern(pattern, host); }))
        return &rule;
  return nullptr;
}

}  // namespace essaim::delivery
