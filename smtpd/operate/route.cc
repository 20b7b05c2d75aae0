#include "smtpd/operate/route.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "delivery/destination_policy.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/operate/dns_options.h"

namespace essaim::smtpd::operate {

namespace {

std::vector<std::string> names_of_smarthost(const std::string& text) {
  if (text.empty()) return {};
  const std::string name = ascii_lowered(text);
  const auto parsed = delivery::parse_smarthost(name);
  return parsed.ok() ? std::vector<std::string>{name, parsed->host} : std::vector<std::string>{name};
}

}  // namespace

std::vector<std::string> names_of_destination(const Settings& settings, const std::string& domain) {
  std::vector<std::string> names =
      names_of_smarthost(delivery::smarthost_of(engine_settings(settings, {}, 0), domain));
  names.push_back(domain);
  return names;
}

bool is_smarthost(const Settings& settings, const std::string& name) {
  std::vector<std::string> all = names_of_smarthost(settings.delivery.smarthost);
  for (const DestinationSettings& one : settings.destinations)
    for (std::string& each : names_of_smarthost(one.smarthost.value_or(""))) all.push_back(std::move(each));
  return std::find(all.begin(), all.end(), name) != all.end();
}

Route find_route(const Settings& settings, const std::string& domain) {
  net::EventLoop loop("route");
  auto resolver = dns::make_resolver(loop, dns_options(settings));
  if (!resolver.ok()) return {.summary = "cannot be found out: " + resolver.error().message};
  const delivery::EngineSettings engine = engine_settings(settings, settings.delivery.own_addresses, 0);

  http::HttpClient client;
  delivery::StsPolicies sts(nullptr, system_clock(), client);
  // The smart host of all is one destination, whatever the domain.
  const std::string asked = delivery::goes_with_all(engine, domain) ? std::string() : domain;
  const auto look_up = [&](delivery::TlsDemand demand) {
    delivery::NextHopPtr hop;
    bool late = false;
    net::Timer deadline(loop, [&late] { late = true; });
    deadline.start(settings.dns_timeout * 4 + engine.sts.patience);
    const auto query =
        delivery::resolve_destination(loop, **resolver, &sts, {asked, demand}, engine,
                                      [&hop](delivery::NextHopPtr found) { hop = std::move(found); });
    while (!hop && !late) loop.run_turn();
    return hop;
  };
  const delivery::NextHopPtr hop = look_up(delivery::TlsDemand::kNone);
  if (!hop) return {.summary = "cannot be found out now: the name servers are silent"};
  Route route;
  if (hop->policy) route.settings = delivery::describe(*hop->policy);
  if (hop->tls) route.settings += hop->tls->words;
  if (const auto required = look_up(delivery::TlsDemand::kRequired))
    route.settings += delivery::describe_require_tls(*required);
  switch (hop->kind) {
    case delivery::NextHop::Kind::kDefer:
      route.summary = "cannot be found out now: " + hop->reply.to_string();
      return route;
    case delivery::NextHop::Kind::kFail:
      route.summary = "cannot be delivered: " + hop->reply.to_string();
      return route;
    case delivery::NextHop::Kind::kHosts:
      break;
  }
  if (hop->own) {
    route.summary = "here: this server is its host";
    return route;
  }
  for (const auto& host : hop->hosts) {
    route.hosts.push_back(std::to_string(host.preference) + " " + host.candidate.name + " [" +
                          host.candidate.address + "]:" + std::to_string(host.candidate.port));
  }
  route.summary = hop->policy->smarthost.empty() ? "by MX lookup" : "by the smart host";
  return route;
}

}  // namespace essaim::smtpd::operate
