// essaim bounce: members whose copies come back, who is stopped for it, and taking it back.
#include <algorithm>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "core/smtp/idn.h"
#include "lists/bounce_stops.h"
#include "lists/settings.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "storage/bouncer_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::smtpd::cli {
namespace {

using storage::Bouncer;
using storage::BouncerStore;
using storage::Connection;

constexpr std::size_t kAtATime = 1000;

struct Chosen {
  std::string list, domain, since;
  bool all = false, dry_run = false, stopped = false;
};

struct Row {
  Bouncer bouncer;
  storage::MemberRecord member;
};

// Those of the list that are stopped, or are not, a page at a time; without those who have left meanwhile.
Result<std::vector<Row>> page_of(Site& site, Id list_id, bool stopped, WallTime since,
                                 const std::string& domain, Id* after, bool* more) {
  std::vector<Row> out;
  ESSAIM_TRY(site.read([&](Connection& connection) -> Result<void> {
    out.clear();
    BouncerStore store(connection);
    const auto page =
        stopped ? store.stopped(list_id, since, *after, kAtATime) : store.due(list_id, 0, *after, kAtATime);
    if (!page.ok()) return page.error();
    *more = page->size() == kAtATime;
    if (!page->empty()) *after = page->back().member_id;
    for (const Bouncer& one : *page) {
      auto member = storage::MemberStore(connection).find_by_id(one.member_id);
      if (!member.ok()) return member.error();
      if (!member->has_value() || (*member)->left != 0) continue;
      if (!domain.empty() && (*member)->domain != domain) continue;
      out.push_back({one, **std::move(member)});
    }
    return {};
  }));
  return out;
}

Result<void> for_each(Site& site, const storage::ListRecord& list, bool stopped, WallTime since,
                      const std::string& domain, const std::function<Result<void>(std::vector<Row>)>& work) {
  Id after = 0;
  for (bool more = true; more;) {
    auto rows = page_of(site, list.id, stopped, since, domain, &after, &more);
    if (!rows.ok()) return rows.error();
    if (!rows->empty()) ESSAIM_TRY(work(*std::move(rows)));
  }
  return {};
}

// The one that is named, or all.
Result<std::vector<storage::ListRecord>> lists_of(Site& site, const std::string& address) {
  if (address.empty()) return site.admin().lists("");
  auto info = site.admin().show_list(address);
  if (!info.ok()) return info.error();
  return std::vector<storage::ListRecord>{std::move(info->list)};
}

int list(const Shell& shell, Site& site, const Chosen& a) {
  const auto lists = lists_of(site, a.list);
  if (!lists.ok()) return shell.fail(lists.error());
  const std::string domain = smtp::kept_domain(a.domain);
  JsonArray array;
  bool any = false;
  for (const storage::ListRecord& one : *lists) {
    for (const bool stopped : {true, false}) {
      if (a.stopped && !stopped) continue;
      const auto told = for_each(site, one, stopped, {}, domain, [&](std::vector<Row> rows) -> Result<void> {
        any = true;
        for (const Row& row : rows) {
          const bool is = row.member.stopped.has_value();
          if (shell.json)
            array.add({{"list", one.address()},
                       {"address", row.member.address()},
                       {"days", row.bouncer.days},
                       {"since", format_iso8601(row.bouncer.since)},
                       {"stopped", is ? Json(format_iso8601(row.bouncer.stopped)) : Json(nullptr)},
                       {"last_bounce", row.member.last_bounce}});
          else
            print_line(for_display(one.address()) + "  " + for_display(row.member.address()) + "  " +
                       plural(row.bouncer.days, "day") + " since " +
                       show_time(row.bouncer.since).substr(0, 10) +
                       (is ? ", stopped " + show_time(row.bouncer.stopped).substr(0, 10) : "") + ": " +
                       for_display(row.member.last_bounce));
        }
        return {};
      });
      if (!told.ok()) return shell.fail(told.error());
    }
    if (std::ferror(stdout) != 0) return kFailed;
  }
  if (shell.json) {
    array.end();
    print("\n");
  } else if (!any) {
    print_line(a.stopped ? "nobody is stopped" : "no member's copies have come back lately");
  }
  return kOk;
}

std::string members(std::size_t number) {
  return plural(static_cast<std::int64_t>(number), "member");
}

int stop(const Shell& shell, Site& site, const Chosen& a) {
  const auto info = site.admin().show_list(a.list);
  if (!info.ok()) return shell.fail(info.error());
  const auto stops = site.read([&](Connection& connection) {
    return lists::plan_stops(connection, info->list, system_clock().wall_now());
  });
  if (!stops.ok()) return shell.fail(stops.error());
  std::size_t stopped = stops->due.size();
  if (!a.dry_run) {
    const auto services = site.services_to_render();
    if (!services.ok()) return shell.fail(services.error());
    const auto done = lists::stop_all(*services, info->list, *stops);
    if (!done.ok()) return shell.fail(done.error());
    stopped = *done;
  }
  return shell.done(members(stopped) + (a.dry_run      ? " would get no more"
                                        : stopped == 1 ? " gets no more"
                                                       : " get no more"),
                    json_text({{"stopped", stopped}, {"dry_run", a.dry_run}}));
}

Result<void> take_back_some(Connection& connection, const std::vector<Row>& rows, bool stopped,
                            std::vector<std::string>* given) {
  given->clear();
  BouncerStore store(connection);
  for (const Row& row : rows) {
    if (!stopped) {
      ESSAIM_TRY(store.forgive(row.member.id));
      given->push_back(row.member.address());
      continue;
    }
    const auto resumed = store.resume(row.member.id);
    if (!resumed.ok()) return resumed.error();
    if (*resumed) given->push_back(row.member.address());
  }
  return {};
}

// Gives back what was stopped, or forgets what is counted so far.
int take_back(const Shell& shell, Site& site, const Chosen& a, bool stopped) {
  if (a.list.empty() == !a.all)
    return shell.fail_usage("of which list? LIST, or --all for those of all lists");
  WallTime since{};
  if (!a.since.empty()) {
    const auto when = parse_when(a.since, system_clock().wall_now());
    if (!when.ok()) return shell.fail_usage("--since: " + when.error().message);
    since = *when;
  }
  const auto lists = lists_of(site, a.list);
  if (!lists.ok()) return shell.fail(lists.error());
  std::size_t done = 0;
  for (const storage::ListRecord& one : *lists) {
    const auto taken = for_each(
        site, one, stopped, since, smtp::kept_domain(a.domain), [&](std::vector<Row> rows) -> Result<void> {
          if (a.dry_run) {
            done += rows.size();
            return {};
          }
          std::vector<std::string> given;
          auto written = site.database().write_now(storage::Durability::kAccept, [&](Connection& connection) {
            return take_back_some(connection, rows, stopped, &given);
          });
          if (!written.ok()) return written;
          done += given.size();
          for (const std::string& who : given)
            log::info(stopped ? "member-resumed" : "bounces-forgiven",
                      {{"list", one.address()}, {"email", who}});
          return {};
        });
    if (!taken.ok()) return shell.fail(taken.error());
  }
  const char* const words = stopped ? (a.dry_run   ? " would get posts as before"
                                       : done == 1 ? " gets posts as before"
                                                   : " get posts as before")
                                    : (a.dry_run ? " would be forgiven" : " forgiven");
  return shell.done(members(done) + words,
                    json_text({{stopped ? "resumed" : "forgiven", done}, {"dry_run", a.dry_run}}));
}

void add_choice(CLI::App* app, Chosen* a) {
  app->add_option("LIST", a->list, "as dev@lists.example.org");
  app->add_flag("--all", a->all, "of all lists");
  app->add_option("--domain", a->domain, "only addresses of this domain")->type_name("DOMAIN");
  app->add_flag("--dry-run", a->dry_run, "only say how many");
}

}  // namespace

void add_bounce(Shell& shell) {
  CLI::App* noun = shell.noun("bounce", "members whose copies come back, and who gets no more for it");
  auto l = std::make_shared<Chosen>();
  CLI::App* verb =
      shell.verb(noun, "list", "on how many days copies came back, and who is stopped",
                 "  essaim bounce list --stopped\n"
                 "  essaim bounce list --list dev@lists.example.org --domain example.net --json",
                 [&shell, l] { return with_site(shell, [&](Site& site) { return list(shell, site, *l); }); });
  verb->add_option("--list", l->list, "of this list alone")->type_name("LIST");
  verb->add_option("--domain", l->domain, "only addresses of this domain")->type_name("DOMAIN");
  verb->add_flag("--stopped", l->stopped, "only those who get no more");

  auto s = std::make_shared<Chosen>();
  verb = shell.verb(
      noun, "stop", "do now what the job `bounces` would, also where it finds them too many at once",
      "  essaim bounce stop dev@lists.example.org --dry-run",
      [&shell, s] { return with_site(shell, [&](Site& site) { return stop(shell, site, *s); }); });
  verb->add_option("LIST", s->list, "as dev@lists.example.org")->required();
  verb->add_flag("--dry-run", s->dry_run, "only say how many");

  auto r = std::make_shared<Chosen>();
  verb = shell.verb(
      noun, "resume", "give posts back to those who were stopped, as they had them",
      "  essaim bounce resume --all --since 3d --domain example.net --dry-run\n"
      "  essaim bounce resume dev@lists.example.org",
      [&shell, r] { return with_site(shell, [&](Site& site) { return take_back(shell, site, *r, true); }); });
  add_choice(verb, r.get());
  verb->add_option("--since", r->since, "stopped not before: 3d, 2026-11-22")->type_name("TIME");

  auto f = std::make_shared<Chosen>();
  verb = shell.verb(noun, "forgive",
                    "forget what came back from those who are not stopped: it was not their fault",
                    "  essaim bounce forgive --all --domain example.net", [&shell, f] {
                      return with_site(shell, [&](Site& site) { return take_back(shell, site, *f, false); });
                    });
  add_choice(verb, f.get());
}

}  // namespace essaim::smtpd::cli
