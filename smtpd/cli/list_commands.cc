// essaim list: mailing lists and their settings.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "lists/list_end.h"
#include "lists/requests/renaming.h"
#include "lists/scenario/shipped.h"
#include "lists/settings.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/pairs.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/set_in_vain.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/suspensions_json.h"
#include "smtpd/operate/route.h"
#include "storage/directory_store.h"

namespace essaim::smtpd::cli {
namespace {

const char* state_name(storage::ListState state) {
  return state == storage::ListState::kOpen ? "open" : "closed";
}

int report(const Shell& shell, const Result<lists::Change>& change, const std::string& done,
           const std::string& already) {
  if (!change.ok()) return shell.fail(change.error());
  const bool changed = *change == lists::Change::kDone;
  return shell.done(changed ? done : already,
                    std::string("{\"changed\":") + (changed ? "true" : "false") + "}");
}

int create(const Shell& shell, const std::string& address, const std::vector<std::string>& owners,
           const std::vector<std::string>& pairs) {
  std::vector<lists::NewMember> people;
  for (const std::string& text : owners) {
    auto owner = person_of(text);
    if (!owner.ok())
      return shell.fail_usage("--owner: \"" + text + "\" is not a mail address: " + owner.error().message);
    people.push_back(*std::move(owner));
  }
  auto settings = parse_pairs(pairs);
  if (!settings.ok()) return shell.fail(settings.error());
  return with_site(shell, [&](Site& site) {
    const auto created = site.admin().create_list(address, people, *settings);
    if (created.ok() && *created == lists::Change::kDone) {
      tell_of_set_in_vain(site, address, as_changes(*settings));
      tell_of_suspensions(site);
      tell_of_suspension(site, address);
    }
    return report(shell, created, "list " + for_display(address) + " created",
                  "list " + for_display(address) + " is there already; nothing was changed");
  });
}

// The address of the list that is called so or was, and those that it had before: its posts are suspended by the one that they
// were accepted with. Of a list that was deleted meanwhile, or never was, what was typed.
Result<std::vector<std::string>> names_of(Site& site, const std::string& typed) {
  const std::string name = smtp::kept_address(typed);
  const auto at = name.rfind('@');
  std::vector<std::string> out;
  ESSAIM_TRY(site.read([&](storage::Connection& connection) -> Result<void> {
    out = {name};
    if (at == name.npos) return {};
    storage::DirectoryStore directory(connection);
    const auto list = directory.find_list_or_former(name.substr(0, at), name.substr(at + 1));
    if (!list.ok()) return list.error();
    if (!list->has_value()) return {};
    auto former = directory.former_names((*list)->id);
    if (!former.ok()) return former.error();
    out = *std::move(former);
    out.insert(out.begin(), (*list)->address());
    return {};
  }));
  return out;
}

// Whether a list has one of these names, or a suspension that outlives the list.
Result<bool> is_or_was_suspendable(Site& site, const std::vector<std::string>& names) {
  const auto stopped = suspensions(site);
  if (!stopped.ok()) return stopped.error();
  for (const std::string& name : names)
    if (find_suspension(*stopped, storage::SuspensionScope::kList, name) != nullptr) return true;
  return site.read([&names](storage::Connection& connection) -> Result<bool> {
    const std::string& name = names.front();
    const auto at = name.rfind('@');
    if (at == name.npos) return false;
    const auto list =
        storage::DirectoryStore(connection).find_list_or_former(name.substr(0, at), name.substr(at + 1));
    if (!list.ok()) return list.error();
    return list->has_value();
  });
}

// On standard error: posts that were accepted under these names go on waiting. That there are none is known only while not too
// many of others wait (SuspensionStore::end_with_name).
void tell_what_waits(Site& site, const std::vector<std::string>& names) {
  const auto stopped = suspensions(site);
  if (!stopped.ok()) return;  // it is gone, and this is only a remark
  for (const std::string& name : names) {
    const auto* known = find_suspension(*stopped, storage::SuspensionScope::kList, name);
    if (known == nullptr) continue;
    const std::string shown = for_display(name);
    std::fprintf(
        stderr,
        "essaim: posts to %s may wait still: %s; essaim list resume %s sends them, essaim queue delete "
        "--list %s ends them\n",
        shown.c_str(), describe(*known).c_str(), shown.c_str(), shown.c_str());
  }
}

int delete_one(const Shell& shell, Site& site, const std::string& address, bool quiet) {
  const auto names = names_of(site, address);
  const auto dropped = site.admin().delete_list(address, quiet);
  if (!dropped.ok()) return shell.fail(dropped.error());
  tell_of_suspensions(site);
  if (names.ok()) tell_what_waits(site, *names);
  std::string text = "list deleted";
  if (dropped->any())
    text += "; " + plural(dropped->posts, "post") + " and " + plural(dropped->requests, "request") +
            " that waited there are dropped; people told of it: " + std::to_string(dropped->told) +
            (dropped->more ? "; the job held goes on with the rest within a minute or so" : "");
  return shell.done(text, Json{{"changed", true},
                               {"posts", dropped->posts},
                               {"requests", dropped->requests},
                               {"told", dropped->told},
                               {"more", dropped->more}}
                              .dump());
}

int show_all(const Shell& shell, Site& site, const std::string& domain) {
  auto found = site.admin().lists(domain);
  if (!found.ok()) return shell.fail(found.error());
  auto stopped = suspensions(site);
  if (!stopped.ok()) return shell.fail(stopped.error());
  Json json = Json::array();
  Table table({"LIST", "STATE", "CREATED", "DESCRIPTION"});
  for (const auto& list : *found) {
    const auto settings = lists::settings_of(list);
    const bool suspended = find_suspension(*stopped, storage::SuspensionScope::kList, list.address());
    json.push_back({{"address", list.address()},
                    {"state", state_name(list.state)},
                    {"suspended", suspended},
                    {"created", format_iso8601(list.created)},
                    {"description", settings.description}});
    table.add({list.address(), std::string(state_name(list.state)) + (suspended ? ", suspended" : ""),
               show_time(list.created), settings.description});
  }
  if (shell.json) return print_json(json);
  if (table.empty())
    print_line("no lists; make one with: essaim list create dev@lists.example.org --owner you@example.org");
  else
    print(table.text());
  return kOk;
}

int show_one(const Shell& shell, Site& site, const std::string& address) {
  auto info = site.admin().show_list(address);
  if (!info.ok()) return shell.fail(info.error());
  auto stopped = suspensions(site);
  if (!stopped.ok()) return shell.fail(stopped.error());
  const auto* suspension = find_suspension(*stopped, storage::SuspensionScope::kList, info->list.address());
  const auto settings = lists::shown_settings(info->list);
  if (shell.json) {
    Json json{{"address", info->list.address()},
              {"state", state_name(info->list.state)},
              {"created", format_iso8601(info->list.created)},
              {"revision", info->list.revision},
              {"members", info->members},
              {"owners", info->owners},
              {"editors", info->editors},
              {"former", info->former},
              {"suspension", suspension == nullptr ? Json(nullptr) : suspension_json(*suspension)}};
    json["settings"] = Json::object();
    for (const auto& s : settings) json["settings"][s.name] = {{"value", s.value}, {"from", s.from}};
    return print_json(json);
  }
  print_line("list     " + for_display(info->list.address()) + " (" + state_name(info->list.state) + ")");
  if (suspension != nullptr) print_line("posts    are taken and wait: " + describe(*suspension));
  for (const std::string& name : info->former) {
    suspension = find_suspension(*stopped, storage::SuspensionScope::kList, name);
    print_line("former   " + for_display(name) +
               (suspension == nullptr ? "" : ", posts under it wait: " + describe(*suspension)));
  }
  print_line("created  " + show_time(info->list.created));
  print_line("people   " + plural(info->members, "member") + ", " + plural(info->owners, "owner") + ", " +
             plural(info->editors, "editor"));
  Table table({"SETTING", "FROM", "VALUE"});
  for (const auto& s : settings) {
    const auto* function = lists::scenario::find_function(s.name);
    const bool used = function == nullptr || function->used;
    table.add({s.name, s.from + (used ? "" : ", not used yet"), s.value});
  }
  print(table.text());
  return kOk;
}

// How mail for the domain finds its way. Where everything goes to a smart host DNS is not ours to ask.
operate::Route route_to(const Site& site, const std::string& domain) {
  if (!site.settings().delivery.smarthost.empty()) return {.summary = "not looked up: there is a smart host"};
  return operate::find_route(site.settings(), domain);
}

void say_domains(const lists::Renaming& what, const operate::Route& route) {
  const auto say = [](const std::string& head, const std::vector<std::string>& names) {
    if (!names.empty()) print_line(head + for_display(joined(names)));
  };
  for (const auto& s : what.settings)
    print_line("setting  " + s.name + ": " + for_display(s.before) + " becomes " + for_display(s.after));
  say("texts    of " + what.domain_before + ", no more: ", what.texts_lost);
  say("texts    of " + what.domain_after + ", from now on: ", what.texts_got);
  say("masters  of " + what.domain_before + ", no more: ", what.listmasters_lost);
  say("masters  of " + what.domain_after + ", from now on: ", what.listmasters_got);
  if (!what.is_signed)
    print_line("DKIM     no key signs for " + what.domain_after +
               (what.was_signed ? ", as one does for " + what.domain_before : "") +
               "; make one with: essaim dkim create " + what.domain_after);
  print_line("mail     for " + what.domain_after + ": " + for_display(route.summary) +
             (route.hosts.empty() ? "" : ", " + for_display(joined(route.hosts))));
  print_line("keep     the domain " + what.domain_before +
             ", its MX and its DKIM keys as long as mail comes back to it");
}

Json as_json(const lists::Renaming& what, const operate::Route& route) {
  Json settings = Json::object();
  for (const auto& s : what.settings) settings[s.name] = {{"before", s.before}, {"after", s.after}};
  Json out{{"before", what.before},
           {"after", what.after},
           {"memberships", what.memberships},
           {"names_old", what.names_old}};
  if (!what.changes_domain()) return out;
  out["settings"] = settings;
  out["texts_lost"] = what.texts_lost;
  out["texts_got"] = what.texts_got;
  out["listmasters_lost"] = what.listmasters_lost;
  out["listmasters_got"] = what.listmasters_got;
  out["before_is_robot"] = what.robot;
  out["signed_before"] = what.was_signed;
  out["signed_after"] = what.is_signed;
  out["route"] = {{"summary", route.summary}, {"hosts", route.hosts}};
  return out;
}

int rename(const Shell& shell, Site& site, const std::string& address, const std::string& to, bool dry_run) {
  lists::Renaming what;
  const auto change = site.admin().rename_list(address, to, dry_run, &what);
  if (!change.ok()) return shell.fail(change.error());
  if (*change == lists::Change::kAlready)
    return shell.done("list is called that already", "{\"changed\":false}");
  if (!dry_run) {
    tell_of_suspensions(site);
    tell_of_suspension(site, what.after);
  }
  const operate::Route route = what.changes_domain() ? route_to(site, what.domain_after) : operate::Route{};
  if (shell.json) {
    Json json = Json::object();
    json["changed"] = !dry_run;
    json.update(as_json(what, route));
    return print_json(json);
  }
  print_line("list     " + what.before + (dry_run ? " would be " : " is ") + what.after +
             (dry_run ? "; nothing was done" : " now"));
  print_line("former   mail to " + what.before +
             (what.robot ? " goes to the command robot, whose name that is"
                         : " goes on reaching it; end that with: essaim list forget " + what.before));
  if (what.memberships > 0)
    print_line("people   " + plural(what.memberships, "place") + " that it has on other lists goes with it");
  if (!what.names_old.empty())
    print_line("look at  settings of its own that name what was: " + for_display(joined(what.names_old)));
  if (what.changes_domain()) say_domains(what, route);
  return kOk;
}

}  // namespace

void add_list(Shell& shell) {
  CLI::App* noun = shell.noun("list", "mailing lists");
  auto address = std::make_shared<std::string>();
  auto owners = std::make_shared<std::vector<std::string>>();
  auto pairs = std::make_shared<std::vector<std::string>>();
  auto domain = std::make_shared<std::string>();
  const auto named = [&](CLI::App* verb) {
    verb->add_option("LIST", *address, "as dev@lists.example.org")->required();
  };

  CLI::App* make =
      shell.verb(noun, "create", "make a list",
                 "  essaim list create dev@lists.example.org --owner owner@example.org\n"
                 "  essaim list create news@lists.example.org --owner a@b.example --set send=owner",
                 [&shell, address, owners, pairs] { return create(shell, *address, *owners, *pairs); });
  named(make);
  make->add_option("--owner", *owners,
                   "who is responsible, an address or \"Name <address>\"; may be repeated")
      ->required()
      ->type_name("ADDRESS")
      ->expected(1)
      ->take_all();
  make->add_option("--set", *pairs, "a setting; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  CLI::App* all =
      shell.verb(noun, "list", "the lists",
                 "  essaim list list\n  essaim list list --domain lists.example.org", [&shell, domain] {
                   return with_site(shell, [&](Site& site) { return show_all(shell, site, *domain); });
                 });
  all->add_option("--domain", *domain, "only those of this domain")->type_name("DOMAIN");
  named(shell.verb(noun, "show", "a list with its settings and where they come from",
                   "  essaim list show dev@lists.example.org", [&shell, address] {
                     return with_site(shell, [&](Site& site) { return show_one(shell, site, *address); });
                   }));
  CLI::App* set =
      shell.verb(noun, "set", "change settings; \"key=\" takes one back to its default, \"key=-\" empties it",
                 "  essaim list set dev@lists.example.org subject_tag='[bees]' send=public\n"
                 "  essaim list set dev@lists.example.org footer=",
                 [&shell, address, pairs] {
                   auto changes = parse_pairs(*pairs);
                   if (!changes.ok()) return shell.fail(changes.error());
                   return with_site(shell, [&](Site& site) {
                     const auto change = site.admin().set_list(*address, as_changes(*changes));
                     if (change.ok()) tell_of_set_in_vain(site, *address, as_changes(*changes));
                     return report(shell, change, "set", "nothing changed");
                   });
                 });
  named(set);
  set->add_option("KEY=VALUE", *pairs, "settings; essaim list show LIST names them")->required();
  auto to = std::make_shared<std::string>();
  auto dry_run = std::make_shared<bool>(false);
  CLI::App* move = shell.verb(
      noun, "rename", "call a list otherwise, also in another domain of ours",
      "  essaim list rename dev@lists.example.org developers\n"
      "  essaim list rename dev@old.example.org dev@new.example.org --dry-run",
      [&shell, address, to, dry_run] {
        return with_site(shell, [&](Site& site) { return rename(shell, site, *address, *to, *dry_run); });
      });
  named(move);
  move->add_option("NAME", *to, "the new local part, or an address in another domain of ours")->required();
  move->add_flag("--dry-run", *dry_run, "say what would change, and change nothing");
  CLI::App* forget = shell.verb(noun, "forget", "refuse mail to a name that a list had before",
                                "  essaim list forget dev@old.example.org", [&shell, address] {
                                  return with_site(shell, [&](Site& site) {
                                    return report(shell, site.admin().forget_name(*address),
                                                  "mail to " + for_display(*address) + " is refused now",
                                                  "no list had that name");
                                  });
                                });
  forget->add_option("NAME", *address, "as essaim list show LIST says of the list")->required();
  named(shell.verb(noun, "close", "refuse posts from now on; what was accepted is delivered",
                   "  essaim list close dev@lists.example.org", [&shell, address] {
                     return with_site(shell, [&](Site& site) {
                       return report(shell, site.admin().close_list(*address), "list closed",
                                     "list was closed already");
                     });
                   }));
  named(shell.verb(
      noun, "open", "take posts again", "  essaim list open dev@lists.example.org", [&shell, address] {
        return with_site(shell, [&](Site& site) {
          return report(shell, site.admin().open_list(*address), "list opened", "list was open already");
        });
      }));
  auto quiet = std::make_shared<bool>(false);
  CLI::App* remove = shell.verb(
      noun, "delete", "remove a list with its members and its suspension; its posts stay in the ledger",
      "  essaim list delete dev@lists.example.org", [&shell, address, quiet] {
        return with_site(shell, [&](Site& site) { return delete_one(shell, site, *address, *quiet); });
      });
  named(remove);
  remove->add_flag("--quiet", *quiet, "nobody is told of posts and requests that waited there");
  auto options = std::make_shared<std::shared_ptr<SuspendOptions>>();
  CLI::App* stop = shell.verb(noun, "suspend", "deliver none of its posts for now; they are taken and wait",
                              "  essaim list suspend dev@lists.example.org --reason 'mail storm' --for 2h",
                              [&shell, address, options] {
                                return with_site(shell, [&](Site& site) {
                                  const auto known = site.admin().list_by_any_name(*address);
                                  if (!known.ok()) return shell.fail(known.error());
                                  auto names = names_of(site, *address);
                                  if (!names.ok()) return shell.fail(names.error());
                                  const std::string name = names->front();
                                  names->erase(names->begin());
                                  return suspend(shell, site, storage::SuspensionScope::kList, name, name,
                                                 **options, *names);
                                });
                              });
  named(stop);
  *options = add_suspend_options(stop);
  named(shell.verb(noun, "resume", "deliver what waits, and what comes",
                   "  essaim list resume dev@lists.example.org", [&shell, address] {
                     return with_site(shell, [&](Site& site) {
                       auto names = names_of(site, *address);
                       if (!names.ok()) return shell.fail(names.error());
                       const std::string name = names->front();
                       const auto meant = is_or_was_suspendable(site, *names);
                       if (!meant.ok()) return shell.fail(meant.error());
                       if (!*meant)
                         return shell.fail({ErrorCode::kNotFound, "there is no list " + for_display(name)});
                       names->erase(names->begin());
                       return resume(shell, site, storage::SuspensionScope::kList, name, name, *names);
                     });
                   }));
}

}  // namespace essaim::smtpd::cli
