// Has the name servers of the configuration asked about everything that examine.h judges. Blocking, on a loop of its own.
#pragma once

#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "smtpd/operate/doctor/finding.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"

namespace essaim::smtpd::operate {

struct Examination {
  std::vector<std::string> domains;  // as they are kept; none: all
  std::vector<std::string> senders;  // addresses that others see us come from; none: those of this host
  std::vector<std::string> zones;    // blocklists in DNS
};

// kNotFound: one of the domains is none of ours.
Result<std::vector<Finding>> examine(const Settings& settings, storage::Database& database,
                                     const Examination& wanted);
// The same by another resolver, on its loop.
Result<std::vector<Finding>> examine(const Settings& settings, storage::Database& database,
                                     const Examination& wanted, net::EventLoop& loop,
                                     dns::Resolver& resolver);

// Addresses from which this host would connect to others now, for each family that is used for delivery, and those that tables
// [[destination]] set. No packet is sent. Of a family without a way out there is none.
std::vector<std::string> addresses_to_send_from(const Settings& settings);

}  // namespace essaim::smtpd::operate
