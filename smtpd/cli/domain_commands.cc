// essaim domain: the domains whose mail is ours.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/pairs.h"
#include "smtpd/cli/set_in_vain.h"
#include "smtpd/cli/site.h"

namespace essaim::smtpd::cli {
namespace {

int report(const Shell& shell, const Result<lists::Change>& change, const std::string& done,
           const std::string& already) {
  if (!change.ok()) return shell.fail(change.error());
  const bool changed = *change == lists::Change::kDone;
  return shell.done(changed ? done : already,
                    std::string("{\"changed\":") + (changed ? "true" : "false") + "}");
}

Json as_json(const storage::DomainRecord& d) {
  Json out;
  out["name"] = d.name;
  out["created"] = format_iso8601(d.created);
  out["settings"] = Json(d.settings);
  return out;
}

int show_all(const Shell& shell, Site& site) {
  auto domains = site.admin().domains();
  if (!domains.ok()) return shell.fail(domains.error());
  Json json = Json::array();
  Table table({"DOMAIN", "CREATED"});
  for (const auto& d : *domains) {
    json.push_back(as_json(d));
    table.add({d.name, show_time(d.created)});
  }
  if (shell.json) return print_json(json);
  if (table.empty())
    print_line("no domains yet; make one with: essaim domain create lists.example.org");
  else
    print(table.text());
  return kOk;
}

int show_one(const Shell& shell, Site& site, const std::string& name) {
  auto info = site.admin().show_domain(name);
  if (!info.ok()) return shell.fail(info.error());
  Json json = as_json(info->domain);
  json["lists"] = info->lists;
  if (shell.json) return print_json(json);
  print_line("domain   " + for_display(info->domain.name));
  print_line("created  " + show_time(info->domain.created));
  print_line("lists    " + std::to_string(info->lists));
  for (const auto& [key, value] : info->domain.settings)
    print_line("set      " + key + " = " + for_display(value));
  return kOk;
}

}  // namespace

void add_domain(Shell& shell) {
  CLI::App* noun = shell.noun("domain", "domains whose lists we serve");
  auto name = std::make_shared<std::string>();
  auto pairs = std::make_shared<std::vector<std::string>>();
  const auto named = [&](CLI::App* verb) {
    verb->add_option("DOMAIN", *name, "as lists.example.org")->required();
  };

  named(shell.verb(
      noun, "create", "take mail for a domain", "  essaim domain create lists.example.org", [&shell, name] {
        return with_site(shell, [&](Site& site) {
          return report(shell, site.admin().create_domain(*name), "domain " + for_display(*name) + " created",
                        "domain " + for_display(*name) + " is there already");
        });
      }));
  shell.verb(noun, "list", "the domains", "  essaim domain list\n  essaim domain list --json",
             [&shell] { return with_site(shell, [&](Site& site) { return show_all(shell, site); }); });
  named(shell.verb(
      noun, "show", "a domain with its settings", "  essaim domain show lists.example.org",
      [&shell, name] { return with_site(shell, [&](Site& site) { return show_one(shell, site, *name); }); }));
  CLI::App* set = shell.verb(
      noun, "set", "defaults for the lists of a domain; \"key=\" takes one back, \"key=-\" empties it",
      "  essaim domain set lists.example.org footer='Bees and friends'", [&shell, name, pairs] {
        auto changes = parse_pairs(*pairs);
        if (!changes.ok()) return shell.fail(changes.error());
        return with_site(shell, [&](Site& site) {
          const auto change = site.admin().set_domain(*name, as_changes(*changes));
          if (change.ok()) tell_of_set_in_vain(site, *name, as_changes(*changes));
          return report(shell, change, "set", "nothing changed");
        });
      });
  named(set);
  set->add_option("KEY=VALUE", *pairs, "settings, see: essaim list show LIST")->required();
  named(shell.verb(noun, "delete", "stop taking mail for a domain, and signing; its lists must be gone",
                   "  essaim domain delete lists.example.org", [&shell, name] {
                     return with_site(shell, [&](Site& site) {
                       return report(shell, site.admin().delete_domain(*name),
                                     "domain " + for_display(*name) + " deleted",
                                     "domain was deleted already");
                     });
                   }));
}

}  // namespace essaim::smtpd::cli
