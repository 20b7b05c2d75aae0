// essaim member find and bouncing: people over all lists.
#include <algorithm>
#include <tuple>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/admin.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/site.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

using storage::Connection;
using storage::MemberRecord;

constexpr std::size_t kMostLists = 100'000;

struct Belonging {
  std::string list;
  MemberRecord member;
};

Result<std::vector<Belonging>> belongings(Site& site, const smtp::Address& address) {
  std::vector<Belonging> out;
  ESSAIM_TRY(site.read([&](Connection& c) -> Result<void> {
    out.clear();
    auto found = storage::MemberStore(c).of_person(address, kMostLists);
    if (!found.ok()) return found.error();
    for (MemberRecord& member : *found) {
      auto list = storage::DirectoryStore(c).find_list_by_id(member.list_id);
      if (!list.ok()) return list.error();
      if (list->has_value())
        out.push_back({(*list)->address(), std::move(member)});  // else deleted, not yet purged
    }
    return {};
  }));
  std::sort(out.begin(), out.end(), [](const Belonging& a, const Belonging& b) {
    return std::tie(a.list, a.member.role) < std::tie(b.list, b.member.role);
  });
  return out;
}

std::string last_bounce(const MemberRecord& m) {
  return show_time(m.last_bounce_at) + ": " + for_display(m.last_bounce);
}

int find(const Shell& shell, const std::string& text) {
  auto address = address_of(text);
  if (!address.ok()) return shell.fail_usage("\"" + text + "\": " + address.error().message);
  return with_site(shell, [&](Site& site) {
    auto found = belongings(site, *address);
    if (!found.ok()) return shell.fail(found.error());
    Json json = Json::array();
    Table table({"LIST", "ROLE", "DELIVERY", "SINCE", "BOUNCES", "LAST BOUNCE"});
    for (const auto& [list, m] : *found) {
      json.push_back(
          {{"list", list},
           {"address", m.address()},
           {"role", lists::to_string(m.role)},
           {"delivery", m.has_mail()},
           {"reception", to_string(m.reception)},
           {"stopped", m.stopped.has_value()},
           {"since", format_iso8601(m.since)},
           {"bounces", m.bounces},
           {"last_bounce", m.last_bounce},
           {"last_bounce_at", m.bounces > 0 ? Json(format_iso8601(m.last_bounce_at)) : Json(nullptr)}});
      table.add({list, lists::to_string(m.role),
                 m.stopped                                  ? "stopped"
                 : m.reception == storage::Reception::kEach ? "on"
                 : m.has_mail()                             ? std::string(to_string(m.reception))
                                                            : "off",
                 show_time(m.since), std::to_string(m.bounces), m.bounces > 0 ? last_bounce(m) : "-"});
    }
    if (shell.json) return print_json(json);
    if (found->empty())
      print_line(for_display(address->to_string()) +
                 " is on no list; `essaim member left LIST` says who has left one");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

struct Bouncing {
  std::string domain, since = "30d";
  int at_least = 3;
};

int bouncing(const Shell& shell, const Bouncing& a) {
  auto since = parse_when(a.since, system_clock().wall_now());
  if (!since.ok()) return shell.fail_usage("--since: " + since.error().message);
  return with_site(shell, [&](Site& site) {
    const auto lists = site.admin().lists(a.domain);
    if (!lists.ok()) return shell.fail(lists.error());
    JsonArray array;
    bool any = false;
    // A list at a time: there may be millions of members.
    for (const storage::ListRecord& list : *lists) {
      const auto members = site.read(
          [&](Connection& c) { return storage::MemberStore(c).bouncing(list.id, a.at_least, *since); });
      if (!members.ok()) return shell.fail(members.error());
      any = any || !members->empty();
      for (const MemberRecord& m : *members) {
        if (shell.json)
          array.add({{"list", list.address()},
                     {"address", m.address()},
                     {"bounces", m.bounces},
                     {"last_bounce", m.last_bounce},
                     {"last_bounce_at", format_iso8601(m.last_bounce_at)}});
        else
          print_line(for_display(list.address()) + "  " + for_display(m.address()) + "  " +
                     plural(m.bounces, "bounce") + ", last " + last_bounce(m));
      }
      if (std::ferror(stdout) != 0) return static_cast<int>(kFailed);
    }
    if (shell.json) {
      array.end();
      print("\n");
    } else if (!any) {
      print_line("nobody's copies came back like that");
    }
    return static_cast<int>(kOk);
  });
}

}  // namespace

void add_member_search(Shell& shell, CLI::App* member) {
  auto who = std::make_shared<std::string>();
  shell
      .verb(member, "find", "the lists that somebody is on, in all domains",
            "  essaim member find ann@example.org", [&shell, who] { return find(shell, *who); })
      ->add_option("ADDRESS", *who, "who")
      ->required();

  auto b = std::make_shared<Bouncing>();
  CLI::App* verb = shell.verb(member, "bouncing", "members whose copies came back, of all lists",
                              "  essaim member bouncing --since 30d --at-least 5\n"
                              "  essaim member bouncing --domain lists.example.org --json",
                              [&shell, b] { return bouncing(shell, *b); });
  verb->add_option("--since", b->since, "the last one not before: 7d, 2026-11-22 (30d)")->type_name("TIME");
  verb->add_option("--at-least", b->at_least, "and so many in all (3)")->type_name("N")->check(wrong_count);
  verb->add_option("--domain", b->domain, "of the lists of this domain alone")->type_name("DOMAIN");
}

}  // namespace essaim::smtpd::cli
