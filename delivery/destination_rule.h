// What the operator set for some destinations: the tables [[destination]] of the configuration, as values. A rule
// names domains of recipients, hosts that take mail for them, or both. Pure; thread-safe.
//
// Which rule holds: the first one, in the order of the file, that names the recipient's domain; if there is none, the
// first one that names one of its MX hosts. Domains go first because they are known before the name server is asked:
// so they decide also where the rule says by which host the mail goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "delivery/tls/host_tls.h"

namespace essaim::delivery {

// So many messages in that time; count 0: no limit.
struct Rate {
  std::uint32_t count = 0;
  Duration window = std::chrono::seconds(1);
  friend bool operator==(const Rate&, const Rate&) = default;
};

struct DestinationRule {
  std::string name;                  // for people: "[[destination]] 2 (gmail.com)"
  std::vector<std::string> domains;  // patterns in lower case, A-labels: "example.org", "*.example.org", "*"
  std::vector<std::string> hosts;    // likewise, of MX hosts
  // What is not set is as for all other destinations.
  std::optional<std::string> smarthost;  // "host:port"; "": by MX
  std::optional<std::uint16_t> port;     // of MX hosts
  std::optional<TlsSetting> tls;
  std::vector<std::string> tls_names;  // in certificates, with TlsSetting::kVerify; none: the host's
  std::optional<int> connections;
  std::optional<std::size_t> recipients_per_transaction;
  std::optional<int> transactions_per_connection;
  Rate rate;
  bool together =
      false;  // connections and rate are for all destinations that it names, as one (destination_group.h)
  std::string source_ipv4, source_ipv6;  // numeric; "": the system's choice
  friend bool operator==(const DestinationRule&, const DestinationRule&) = default;
};

// "example.org" is itself only, "*.example.org" everything below it at any depth, "*" everything.
bool matches_pattern(std::string_view pattern, std::string_view name);

const DestinationRule* rule_for_domain(const std::vector<DestinationRule>& rules, std::string_view domain);
const DestinationRule* rule_for_hosts(const std::vector<DestinationRule>& rules,
                                      const std::vector<std::string>& hosts);

}  // namespace essaim::delivery
