#include "smtpd/operate/route.h"

#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "delivery/next_hop.h"
#include "smtpd/operate/dns_options.h"

namespace essaim::smtpd::operate {

Route find_route(const Settings& settings, const std::string& domain) {
  net::EventLoop loop("route");
  auto resolver = dns::make_resolver(loop, dns_options(settings));
  if (!resolver.ok()) return {"cannot be found out: " + resolver.error().message, {}};
  delivery::NextHopOptions options;
  options.port = settings.delivery.port;
  options.ipv4 = settings.delivery.ipv4;
  options.ipv6 = settings.delivery.ipv6;
  options.own_names = {settings.hostname};
  options.own_addresses = settings.delivery.own_addresses;

  delivery::NextHopPtr hop;
  const auto done = [&hop](delivery::NextHopPtr found) { hop = std::move(found); };
  bool late = false;
  net::Timer deadline(loop, [&late] { late = true; });
  deadline.start(settings.dns_timeout * 4);
  const auto query =
      settings.delivery.smarthost.empty()
          ? delivery::resolve_domain(loop, **resolver, domain, options, done)
          : delivery::resolve_smarthost(loop, **resolver, settings.delivery.smarthost, options, done);
  while (!hop && !late) loop.run_turn();
  if (!hop) return {"cannot be found out now: the name servers are silent", {}};
  switch (hop->kind) {
    case delivery::NextHop::Kind::kDefer:
      return {"cannot be found out now: " + hop->reply.to_string(), {}};
    case delivery::NextHop::Kind::kFail:
      return {"cannot be delivered: " + hop->reply.to_string(), {}};
    case delivery::NextHop::Kind::kHosts:
      break;
  }
  Route route;
  for (const auto& host : hop->hosts) {
    route.hosts.push_back(std::to_string(host.preference) + " " + host.candidate.name + " [" +
                          host.candidate.address + "]:" + std::to_string(host.candidate.port));
  }
  route.summary = settings.delivery.smarthost.empty() ? "by MX lookup" : "by the smart host";
  return route;
}

}  // namespace essaim::smtpd::operate
