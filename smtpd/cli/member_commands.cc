// essaim member: who belongs to a list, and as what.
#include <sstream>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/names.h"
#include "lists/templates/catalogue.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/interruption.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/pairs.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/text_options.h"
#include "storage/departure_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

struct Arguments {
  std::string list, role = "member", file, address, since;
  std::vector<std::string> addresses, pairs;
};
constexpr std::size_t kMostDepartures = 100'000;
using ArgumentsPtr = std::shared_ptr<Arguments>;

// From the command line and the file; everything is read and understood before anything is changed.
Result<std::vector<lists::NewMember>> people(const Arguments& a, lists::Known known) {
  std::string text;
  for (const std::string& address : a.addresses) {
    if (address.find('\n') != std::string::npos) return Error{ErrorCode::kInvalid, "an address is one line"};
    text += address + "\n";
  }
  std::istringstream given(text);
  lists::MemberLines lines = lists::read_member_lines(given, known);
  for (std::string& error : lines.errors) error = error.substr(std::min(error.size(), error.find(": ") + 2));
  if (!a.file.empty()) {
    auto in_file = read_text_file(a.file);
    if (!in_file.ok()) return in_file.error();
    std::istringstream file(*std::move(in_file));
    lists::MemberLines more = lists::read_member_lines(file, known);
    std::move(more.members.begin(), more.members.end(), std::back_inserter(lines.members));
    std::move(more.errors.begin(), more.errors.end(), std::back_inserter(lines.errors));
  }
  if (!lines.errors.empty()) {
    std::string all = "nothing was changed, because of:";
    for (std::size_t i = 0; i < lines.errors.size() && i < 20; ++i) all += "\n" + lines.errors[i];
    if (lines.errors.size() > 20) all += "\nand " + std::to_string(lines.errors.size() - 20) + " more";
    return Error{ErrorCode::kInvalid, all};
  }
  if (lines.members.empty() && a.file.empty())
    return Error{ErrorCode::kInvalid, "name addresses, or a file with --file FILE (- is standard input)"};
  return lines.members;
}

int add(const Shell& shell, const Arguments& a) {
  auto role = lists::parse_role(a.role);
  if (!role.ok()) return shell.fail(role.error());
  auto members = people(a, lists::Known::kNo);
  if (!members.ok()) return shell.fail(members.error());
  return Interruption::end(with_site(shell, [&](Site& site) {
    const Interruption interruption;
    site.admin().end_when(Interruption::asked);
    auto added = site.admin().add_members(a.list, *role, *members);
    if (!added.ok()) return shell.fail(added.error());
    return shell.done(
        std::to_string(added->added) + " added" +
            (added->already > 0 ? ", " + std::to_string(added->already) + " were there already" : ""),
        json_text({{"added", added->added}, {"already", added->already}}));
  }));
}

// The first of them.
std::string named(const std::vector<smtp::Address>& people) {
  constexpr std::size_t kMost = 20;
  std::string out;
  for (std::size_t i = 0; i < people.size() && i < kMost; ++i)
    out += (i == 0 ? "" : ", ") + for_display(people[i].to_string());
  return people.size() <= kMost ? out : out + " and " + std::to_string(people.size() - kMost) + " more";
}

int remove(const Shell& shell, const Arguments& a) {
  auto role = lists::parse_role(a.role);
  if (!role.ok()) return shell.fail(role.error());
  auto members = people(a, lists::Known::kPerhaps);
  if (!members.ok()) return shell.fail(members.error());
  return Interruption::end(with_site(shell, [&](Site& site) {
    const Interruption interruption;
    site.admin().end_when(Interruption::asked);
    auto gone = site.admin().remove_members(a.list, *role, *members);
    if (!gone.ok()) return shell.fail(gone.error());
    const bool all = gone->none.empty();
    shell.done(
        std::to_string(gone->removed) + " removed" +
            (all ? "" : "; no " + std::string(lists::to_string(*role)) + " of it: " + named(gone->none)),
        json_text({{"removed", gone->removed}, {"none", gone->none.size()}}));
    return static_cast<int>(all ? kOk : kFailed);
  }));
}

Json as_json(const storage::MemberRecord& m) {
  return {{"address", m.address()},
          {"name", m.name},
          {"role", lists::to_string(m.role)},
          {"delivery", m.has_mail()},
          {"reception", to_string(m.reception)},
          {"stopped", m.stopped.has_value()},
          {"conceal", m.conceal},
          {"privileged", m.privileged},
          {"language", m.language},
          {"since", format_iso8601(m.since)},
          {"bounces", m.bounces},
          {"last_bounce", m.last_bounce},
          {"last_bounce_at", m.bounces > 0 ? Json(format_iso8601(m.last_bounce_at)) : Json(nullptr)}};
}

int show(const Shell& shell, Site& site, const Arguments& a) {
  std::vector<storage::Role> roles = {storage::Role::kOwner, storage::Role::kEditor, storage::Role::kMember};
  if (!a.role.empty()) {
    auto role = lists::parse_role(a.role);
    if (!role.ok()) return shell.fail(role.error());
    roles = {*role};
  }
  // Told apart before the first element is printed.
  auto list = site.admin().show_list(a.list);
  if (!list.ok()) return shell.fail(list.error());
  JsonArray array;
  bool any = false;
  for (const storage::Role role : roles) {
    auto done = site.admin().for_each_member(a.list, role, [&](const storage::MemberRecord& m) {
      any = true;
      if (shell.json) {
        array.add(as_json(m));
        return true;
      }
      std::string line = for_display(m.address());
      if (!m.name.empty()) line += "  " + for_display(m.name);
      if (role != storage::Role::kMember) line += "  (" + std::string(lists::to_string(role)) + ")";
      if (m.privileged) line += "  (privileged)";
      if (!m.has_mail())
        line += "  (delivery off)";
      else if (m.reception != storage::Reception::kEach)
        line += "  (" + std::string(to_string(m.reception)) + ")";
      if (m.conceal) line += "  (concealed)";
      if (m.bounces > 0)
        line += "  (" + plural(m.bounces, "bounce") + ", last " + show_time(m.last_bounce_at) + ": " +
                for_display(m.last_bounce) + ")";
      print_line(line);
      return std::ferror(stdout) == 0;
    });
    if (!done.ok()) return shell.fail(done.error());
  }
  if (shell.json) {
    array.end();
    print("\n");
  } else if (!any) {
    print_line("nobody" + (a.role.empty() ? "" : " is its " + a.role));
  }
  return kOk;
}

// Whoever has posts in some way keeps it when mail is switched on. What is wrong with the list is said by the change.
bool has_mail(Site& site, const std::string& list, storage::Role role, const smtp::Address& who) {
  const auto info = site.admin().show_list(list);
  if (!info.ok()) return false;
  const auto found = site.read([&](storage::Connection& connection) {
    return storage::MemberStore(connection).find(info->list.id, role, who);
  });
  return found.ok() && found->has_value() && (*found)->has_mail();
}

int set(const Shell& shell, const Arguments& a) {
  auto role = lists::parse_role(a.role);
  if (!role.ok()) return shell.fail(role.error());
  auto address = address_of(a.address);
  if (!address.ok()) return shell.fail_usage("\"" + a.address + "\": " + address.error().message);
  auto pairs = parse_pairs(a.pairs);
  if (!pairs.ok()) return shell.fail(pairs.error());
  std::optional<storage::Reception> reception;
  std::optional<std::string> name;
  lists::MemberOptions options;
  for (const auto& [key, value] : *pairs) {
    if ((key == "delivery" && pairs->contains("reception")) ||
        (key == "reception" && pairs->contains("delivery")))
      return shell.fail_usage("\"delivery\" and \"reception\" say the same thing: give one of them");
    if (key == "delivery" && (value == "on" || value == "off")) {
      reception = value == "on" ? storage::Reception::kEach : storage::Reception::kNone;
    } else if (key == "delivery") {
      return shell.fail_usage("\"delivery\" is on or off");
    } else if (key == "reception") {
      reception = storage::parse_reception(value);
      if (!reception)
        return shell.fail_usage("\"reception\" is mail, nomail, digest, digestplain, summary or not_me");
      if (*role != storage::Role::kMember && *reception != storage::Reception::kEach &&
          *reception != storage::Reception::kNone)
        return shell.fail_usage("owners and editors have mail or nomail: \"" + value + "\" is for members");
    } else if (key == "name") {
      name = value;
    } else if (key == "conceal" || key == "privileged") {
      if (value != "on" && value != "off") return shell.fail_usage("\"" + key + "\" is on or off");
      if (key == "privileged" && *role != storage::Role::kOwner)
        return shell.fail_usage("only owners are privileged");
      (key == "conceal" ? options.conceal : options.privileged) = value == "on";
    } else if (key == "language") {
      if (!value.empty() && !lists::is_language(value))
        return shell.fail_usage("\"" + value + "\" is no language that is offered");
      options.language = value;
    } else if (key == "address" || key == "email") {
      return shell.fail_usage(
          "an address is changed on all lists of a domain at once; see: essaim request move --help");
    } else {
      const std::string meant =
          nearest(key, {"delivery", "reception", "name", "conceal", "privileged", "language"});
      return shell.fail_usage(
          "unknown setting \"" + key +
          "\" of a member; there are delivery, conceal and privileged =on|off, reception, name and language" +
          (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
    }
  }
  const bool switches_on = pairs->contains("delivery") && reception == storage::Reception::kEach;
  return with_site(shell, [&](Site& site) {
    if (switches_on && has_mail(site, a.list, *role, *address)) reception.reset();
    auto change = site.admin().set_member(a.list, *role, *address, reception, name, options);
    if (!change.ok()) return shell.fail(change.error());
    const bool changed = *change == lists::Change::kDone;
    return shell.done(changed ? "set" : "nothing changed", json_text({{"changed", changed}}));
  });
}

int left(const Shell& shell, const Arguments& a) {
  WallTime since{};
  if (!a.since.empty()) {
    auto when = parse_when(a.since, system_clock().wall_now());
    if (!when.ok()) return shell.fail_usage("--since: " + when.error().message);
    since = *when;
  }
  return with_site(shell, [&](Site& site) {
    const auto address = lists::checked_list(a.list);
    if (!address.ok()) return shell.fail(address.error());
    const auto all = site.read([&](storage::Connection& connection) {
      return storage::DepartureStore(connection).of_list(address->to_string(), since, kMostDepartures);
    });
    if (!all.ok()) return shell.fail(all.error());
    // A list that is gone has its record still.
    if (all->empty()) {
      if (const auto list = site.admin().show_list(a.list); !list.ok()) return shell.fail(list.error());
    }
    Json json = Json::array();
    Table table({"WHEN", "ADDRESS", "HOW", "CLIENT"});
    for (const auto& one : *all) {
      json.push_back({{"address", one.address},
                      {"left", format_iso8601(one.left)},
                      {"how", one.how},
                      {"client", one.client}});
      table.add({show_time(one.left), one.address, one.how, one.client.empty() ? "-" : one.client});
    }
    if (shell.json) return print_json(json);
    if (table.empty())
      print_line("nobody has left it" + (a.since.empty() ? "" : " since " + show_time(since)));
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

}  // namespace

void add_member(Shell& shell) {
  CLI::App* noun = shell.noun("member", "members, owners and editors of a list");
  const auto listed = [](CLI::App* verb, const ArgumentsPtr& a) {
    verb->add_option("LIST", a->list, "as dev@lists.example.org")->required();
    verb->add_option("--role", a->role, "member, owner or editor")->type_name("ROLE");
  };

  auto a = std::make_shared<Arguments>();
  CLI::App* verb =
      shell.verb(noun, "add", "add people to a list",
                 "  essaim member add dev@lists.example.org --file members.txt\n"
                 "  essaim member add dev@lists.example.org ann@example.org 'Bob <bob@example.net>'\n"
                 "  essaim member add dev@lists.example.org --role owner carol@example.org",
                 [&shell, a] { return add(shell, *a); });
  listed(verb, a);
  verb->add_option("ADDRESS", a->addresses, "an address, or \"Name <address>\"");
  verb->add_option("--file", a->file, "the same, a line each; - is standard input")->type_name("FILE");

  auto r = std::make_shared<Arguments>();
  verb = shell.verb(noun, "remove", "take people from a list",
                    "  essaim member remove dev@lists.example.org ann@example.org\n"
                    "  essaim member remove dev@lists.example.org --file gone.txt",
                    [&shell, r] { return remove(shell, *r); });
  listed(verb, r);
  verb->add_option("ADDRESS", r->addresses, "who");
  verb->add_option("--file", r->file, "addresses, a line each; - is standard input")->type_name("FILE");

  auto l = std::make_shared<Arguments>();
  l->role.clear();
  verb = shell.verb(
      noun, "list", "who is on a list",
      "  essaim member list dev@lists.example.org\n  essaim member list dev@lists.example.org --role owner",
      [&shell, l] { return with_site(shell, [&](Site& site) { return show(shell, site, *l); }); });
  listed(verb, l);

  auto d = std::make_shared<Arguments>();
  verb = shell.verb(noun, "left", "who has left a list, when and how: by a click, a page, mail, an operator",
                    "  essaim member left dev@lists.example.org --since 30d",
                    [&shell, d] { return left(shell, *d); });
  verb->add_option("LIST", d->list, "as dev@lists.example.org")->required();
  verb->add_option("--since", d->since, "as 30d, 2026-11-22")->type_name("TIME");

  auto s = std::make_shared<Arguments>();
  verb = shell.verb(noun, "set", "change somebody's options",
                    "  essaim member set dev@lists.example.org ann@example.org delivery=off\n"
                    "  essaim member set dev@lists.example.org ann@example.org reception=digest\n"
                    "  essaim member set dev@lists.example.org ann@example.org name='Ann Bee'",
                    [&shell, s] { return set(shell, *s); });
  listed(verb, s);
  verb->add_option("ADDRESS", s->address, "who")->required();
  verb->add_option("KEY=VALUE", s->pairs,
                   "delivery=on|off, or of members reception=mail|nomail|digest|digestplain|summary|not_me; "
                   "conceal=on|off, privileged=on|off (owners), name=TEXT, language=fr")
      ->required();
  add_member_search(shell, noun);
  add_member_log(shell, noun);
}

}  // namespace essaim::smtpd::cli
