// The resolver's options out of the settings.
#pragma once

#include "core/dns/resolver.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

inline dns::ResolverOptions dns_options(const Settings& settings) {
  dns::ResolverOptions options;
  for (const std::string& server : settings.dns_servers) {
    auto address = net::SocketAddress::parse(server);
    if (address.ok()) options.servers.push_back(*address);  // the settings' table has checked it
  }
  options.timeout = settings.dns_timeout;
  options.trust_anchor = settings.trust_anchor;
  return options;
}

}  // namespace essaim::smtpd::operate
