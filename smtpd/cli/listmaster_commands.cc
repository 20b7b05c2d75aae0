// essaim listmaster: who may do what an owner may, on all lists of a domain or of the site.
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/site_texts.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/site.h"
#include "storage/member_store.h"

namespace essaim::smtpd::cli {
namespace {

struct Options {
  std::string domain, address;
};

int list(const Shell& shell, const Options& options) {
  return with_site(shell, [&](Site& site) {
    std::vector<std::pair<std::string, std::string>> found;  // who, and of what
    auto read = site.read([&](storage::Connection& c) -> Result<void> {
      found.clear();
      auto place = lists::record_of(c, {"", options.domain});
      if (!place.ok()) return place.error();
      for (const Id scope : {place->domain_id, Id{0}}) {
        const std::string of = scope == 0 ? "site" : place->domain;
        ESSAIM_TRY(storage::MemberStore(c).for_each(scope, storage::Role::kListmaster,
                                                    [&](const storage::MemberRecord& one) {
                                                      found.emplace_back(one.address(), of);
                                                      return true;
                                                    }));
        if (place->domain_id == 0) break;
      }
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    Json json = Json::array();
    Table table({"LISTMASTER", "OF"});
    for (const auto& [who, of] : found) {
      json.push_back({{"address", who}, {"of", of}});
      table.add({who, of});
    }
    if (shell.json) return print_json(json);
    if (table.empty())
      print_line("no listmasters; mail for them goes to the postmaster");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

int change(const Shell& shell, const Options& options, bool add) {
  auto address = address_of(options.address);
  if (!address.ok()) return shell.fail_usage("\"" + options.address + "\": " + address.error().message);
  return with_site(shell, [&](Site& site) {
    auto done = add ? site.admin().add_listmaster(options.domain, *address)
                    : site.admin().remove_listmaster(options.domain, *address);
    if (!done.ok()) return shell.fail(done.error());
    const bool changed = *done == lists::Change::kDone;
    if (!changed && !add)
      return shell.fail({ErrorCode::kNotFound, address->to_string() + " is no listmaster of " +
                                                   (options.domain.empty() ? "the site" : options.domain)});
    const char* what = !add      ? " is no listmaster any more"
                       : changed ? " is a listmaster"
                                 : " was a listmaster already";
    return shell.done(for_display(address->to_string()) + what, json_text({{"changed", changed}}));
  });
}

}  // namespace

void add_listmaster(Shell& shell) {
  CLI::App* noun = shell.noun("listmaster", "who looks after the lists of a domain, or of the site");
  auto options = std::make_shared<Options>();
  const auto placed = [&](CLI::App* verb) {
    verb->add_option("--domain", options->domain, "of this domain; without it, of the site")
        ->type_name("DOMAIN");
    return verb;
  };
  const auto named = [&](CLI::App* verb) {
    placed(verb)->add_option("ADDRESS", options->address, "who")->required();
  };
  placed(shell.verb(noun, "list", "the listmasters", "  essaim listmaster list --domain lists.example.org",
                    [&shell, options] { return list(shell, *options); }));
  named(shell.verb(noun, "add", "make somebody one",
                   "  essaim listmaster add root@example.org\n  essaim listmaster add ann@example.org "
                   "--domain lists.example.org",
                   [&shell, options] { return change(shell, *options, true); }));
  named(shell.verb(noun, "remove", "make somebody none",
                   "  essaim listmaster remove ann@example.org --domain lists.example.org",
                   [&shell, options] { return change(shell, *options, false); }));
}

}  // namespace essaim::smtpd::cli
