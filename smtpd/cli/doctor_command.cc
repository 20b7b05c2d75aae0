// essaim doctor: whether others find us, and have a reason to take our mail.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/dns/packet.h"
#include "core/net/socket_address.h"
#include "core/smtp/idn.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/doctor/doctor.h"

namespace essaim::smtpd::cli {
namespace {

using operate::Finding;
using operate::Health;

struct Arguments {
  operate::Examination wanted;
  bool problems = false;
};

// In the form in which name servers' answers come.
int normalise(const Shell& shell, operate::Examination* wanted) {
  for (std::string& ip : wanted->senders) {
    const auto address = net::SocketAddress::from_ip(ip, 25);
    if (!address.ok()) return shell.fail_usage("--address: \"" + ip + "\" is no IP address");
    ip = address->ip();
  }
  for (std::string& zone : wanted->zones) {
    zone = smtp::kept_domain(zone);
    if (!dns::is_host_name(zone)) return shell.fail_usage("--blocklist: \"" + zone + "\" is no name in DNS");
  }
  for (std::string& domain : wanted->domains) domain = smtp::kept_domain(domain);
  return kOk;
}

int examine(const Shell& shell, Site& site, Arguments a) {
  if (const int wrong = normalise(shell, &a.wanted); wrong != kOk) return wrong;
  const auto findings = operate::examine(site.settings(), site.database(), a.wanted);
  if (!findings.ok()) return shell.fail(findings.error());
  bool good = true;
  Json json = Json::array();
  Table table({"HEALTH", "ABOUT", "CHECK", "FINDING"});
  for (const Finding& one : *findings) {
    good = good && one.health != Health::kBad && one.health != Health::kUnknown;
    if (a.problems && one.health == Health::kGood) continue;
    json.push_back({{"health", to_string(one.health)},
                    {"about", one.about},
                    {"check", one.check},
                    {"finding", one.words}});
    table.add({to_string(one.health), one.about, one.check, one.words});
  }
  if (shell.json) {
    print_json(json);
  } else if (table.empty()) {
    print_line("nothing to complain of");
  } else {
    print(table.text());
  }
  return good ? kOk : kFailed;
}

}  // namespace

void add_doctor(Shell& shell) {
  auto a = std::make_shared<Arguments>();
  CLI::App* app = shell.verb(
      "doctor",
      "ask DNS what others ask before they take our mail or bring us theirs: addresses, names, SPF, DKIM, "
      "DMARC, "
      "MX, one-click unsubscription",
      "  essaim doctor\n"
      "  essaim doctor lists.example.org --problems\n"
      "  essaim doctor --address 192.0.2.25 --blocklist bl.example.net",
      [&shell, a] { return with_site(shell, [&](Site& site) { return examine(shell, site, *a); }); });
  app->add_option("DOMAIN", a->wanted.domains, "only these; default: all of ours");
  app->add_option("--address", a->wanted.senders,
                  "that others see us come from, where it is not one of this host's own; may be repeated")
      ->type_name("IP")
      ->allow_extra_args(false);
  app->add_option("--blocklist", a->wanted.zones,
                  "whether this list in DNS has our addresses; may be repeated")
      ->type_name("ZONE")
      ->allow_extra_args(false);
  app->add_flag("--problems", a->problems, "leave out what is good");
}

}  // namespace essaim::smtpd::cli
