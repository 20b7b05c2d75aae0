// essaim destination: where mail goes, why it waits, and suspensions.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/names.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/route.h"
#include "storage/batch_store.h"
#include "storage/node_store.h"

namespace essaim::smtpd::cli {
namespace {

bool no_server(const Error& error) {
  return error.code == ErrorCode::kNotFound && error.message.starts_with("no server");
}

Json suspension_json(const storage::SuspensionRecord& s) {
  return {{"destination", s.subject},
          {"reason", s.reason},
          {"since", format_iso8601(s.since)},
          {"until", s.until == WallTime{} ? Json(nullptr) : Json(format_iso8601(s.until))}};
}

// What the database knows of domains that mail waits for, and of suspensions.
struct Known {
  std::vector<storage::SuspensionRecord> suspensions;
  std::vector<storage::BatchRecord> waiting;
};
Result<Known> known(Site& site, const std::string& domain) {
  Known out;
  ESSAIM_TRY(site.read([&](storage::Connection& c) -> Result<void> {
    auto suspensions = storage::SuspensionStore(c).all();
    if (!suspensions.ok()) return suspensions.error();
    out.suspensions = *std::move(suspensions);
    if (domain.empty()) return {};
    std::erase_if(out.suspensions, [&](const auto& s) { return s.subject != domain; });
    storage::PostFilter filter;
    filter.domain = domain;
    auto waiting = storage::BatchStore(c).waiting(filter);
    if (!waiting.ok()) return waiting.error();
    out.waiting = *std::move(waiting);
    return {};
  }));
  return out;
}

std::string describe(const storage::SuspensionRecord& s) {
  return "suspended by operator since " + show_time(s.since) +
         (s.until == WallTime{} ? "" : " until " + show_time(s.until)) +
         (s.reason.empty() ? "" : ": " + s.reason);
}

// One destination as the server says it.
void print_destination(const Json& d) {
  print_line("destination  " + for_display(d.value("domain", "")));
  print_line("state        " + for_display(d.value("state", "")));
  print_line("connections  " + std::to_string(d.value("connections", 0)) + " of " +
             std::to_string(d.value("limit", 0)));
  print_line("waiting      " + std::to_string(d.value("waiting", std::int64_t{0})) + " in memory");
  for (const auto& host : d.value("hosts", Json::array()))
    print_line("host         " + for_display(host.get<std::string>()));
  for (const auto& reply : d.value("last_replies", Json::array()))
    print_line("reply        " + for_display(reply.get<std::string>()));
}

int list(const Shell& shell, Site& site) {
  auto stored = known(site, "");
  if (!stored.ok()) return shell.fail(stored.error());
  auto answer = admin::call(site.settings().admin_socket(), {"destinations", {}});
  if (!answer.ok() && !no_server(answer.error())) return shell.fail(answer.error());
  const Json live = answer.ok() ? Json::parse(*answer)["destinations"] : Json::array();
  Json suspensions = Json::array();
  for (const auto& s : stored->suspensions) suspensions.push_back(suspension_json(s));
  if (shell.json)
    return print_json({{"running", answer.ok()}, {"destinations", live}, {"suspensions", suspensions}});
  Table table({"DESTINATION", "STATE", "CONNECTIONS", "WAITING", "LAST REPLY"});
  for (const Json& d : live) {
    const Json replies = d.value("last_replies", Json::array());
    table.add({d.value("domain", ""), d.value("state", ""),
               std::to_string(d.value("connections", 0)) + "/" + std::to_string(d.value("limit", 0)),
               std::to_string(d.value("waiting", std::int64_t{0})),
               replies.empty() ? "" : replies[0].get<std::string>()});
  }
  if (!table.empty()) print(table.text());
  for (const auto& s : stored->suspensions)
    print_line(for_display(s.subject) + ": " + for_display(describe(s)));
  if (!answer.ok())
    print_line("no server is running: only suspensions are known; `essaim queue list` shows what waits");
  else if (table.empty())
    print_line("nothing was delivered lately");
  return kOk;
}

// Without a server: route and queue are looked up here.
int explain_alone(const Shell& shell, Site& site, const std::string& domain, const Known& stored) {
  const operate::Route route = operate::find_route(site.settings(), domain);
  if (shell.json) {
    Json waiting = Json::array();
    for (const auto& b : stored.waiting)
      waiting.push_back(
          {{"id", format_id(b.post_id)}, {"batch", b.number}, {"pending", b.pending}, {"why", b.why}});
    Json suspensions = Json::array();
    for (const auto& s : stored.suspensions) suspensions.push_back(suspension_json(s));
    return print_json({{"running", false},
                       {"domain", domain},
                       {"route", route.summary},
                       {"hosts", route.hosts},
                       {"suspensions", suspensions},
                       {"waiting", waiting}});
  }
  print_line(for_display(domain) + ": " + for_display(route.summary));
  for (const std::string& host : route.hosts) print_line("host         " + for_display(host));
  return kOk;
}

void print_waiting(const Known& stored) {
  for (const auto& s : stored.suspensions) print_line("suspension   " + for_display(describe(s)));
  const WallTime now = system_clock().wall_now();
  for (std::size_t i = 0; i < stored.waiting.size() && i < 20; ++i) {
    const auto& b = stored.waiting[i];
    print_line("waits        " + format_id(b.post_id) + "/" + std::to_string(b.number) + ": " +
               std::to_string(b.pending) + " pending" +
               (b.queue == storage::BatchQueue::kWaiting ? ", due in " + show_age(b.due, now) : "") +
               (b.why.empty() ? "" : ": " + for_display(b.why)));
  }
  if (stored.waiting.size() > 20)
    print_line("waits        and " + std::to_string(stored.waiting.size() - 20) +
               " more; see: essaim queue list");
  if (stored.waiting.empty()) print_line("waits        nothing");
}

int explain(const Shell& shell, Site& site, const std::string& domain) {
  auto stored = known(site, domain);
  if (!stored.ok()) return shell.fail(stored.error());
  auto answer = admin::call(site.settings().admin_socket(), {"explain", {{"domain", domain}}});
  if (!answer.ok() && !no_server(answer.error())) return shell.fail(answer.error());
  if (!answer.ok()) {
    const int code = explain_alone(shell, site, domain, *stored);
    if (!shell.json) print_waiting(*stored);
    return code;
  }
  if (shell.json) return print_json(Json::parse(*answer));
  const std::string text = Json::parse(*answer).value("text", "");
  for (std::string_view line : split(text, '\n'))
    if (!line.empty()) print_line(for_display(line));
  print_waiting(*stored);
  return kOk;
}

int show(const Shell& shell, Site& site, const std::string& domain) {
  auto answer = admin::call(site.settings().admin_socket(), {"explain", {{"domain", domain}}});
  if (!answer.ok() && !no_server(answer.error())) return shell.fail(answer.error());
  if (!answer.ok()) return explain(shell, site, domain);
  const Json json = Json::parse(*answer);
  if (shell.json) return print_json(json["destination"]);
  print_destination(json["destination"]);
  return kOk;
}

// The server reads suspensions again; when none runs, it will at start.
void poke(Site& site, const std::string& domain) {
  static_cast<void>(admin::call(site.settings().admin_socket(), {"suspensions", {{"domain", domain}}},
                                std::chrono::seconds(5))
                        .ok());
}

int suspend(const Shell& shell, const std::string& domain, const std::string& reason,
            const std::string& until) {
  const auto name = lists::checked_domain(domain);
  if (!name.ok()) return shell.fail_usage(name.error().message);
  storage::SuspensionRecord record;
  record.subject = domain;
  record.reason = reason;
  record.since = system_clock().wall_now();
  if (!until.empty()) {
    auto when = parse_until(until, record.since);
    if (!when.ok()) return shell.fail_usage("--until: " + when.error().message);
    if (*when <= record.since) return shell.fail_usage("--until: this time is over");
    record.until = *when;
  }
  return with_site(shell, [&](Site& site) {
    const auto done = site.database().write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      return storage::SuspensionStore(c).suspend(record);
    });
    if (!done.ok()) return shell.fail(done.error());
    poke(site, "");
    return shell.done(
        for_display(domain) + " suspended" +
            (record.until == WallTime{} ? " until resumed" : " until " + show_time(record.until)),
        json_text(suspension_json(record)));
  });
}

int resume(const Shell& shell, const std::string& domain) {
  return with_site(shell, [&](Site& site) {
    const auto done = site.database().write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      return storage::SuspensionStore(c).resume(domain);
    });
    const bool was = done.ok();
    if (!was && done.error().code != ErrorCode::kNotFound) return shell.fail(done.error());
    poke(site, domain);
    return shell.done(
        was ? for_display(domain) + " resumed"
            : for_display(domain) + " was not suspended by an operator; it is tried again if it was dead",
        json_text({{"changed", was}}));
  });
}

}  // namespace

void add_destination(Shell& shell) {
  CLI::App* noun = shell.noun("destination", "where mail goes: MX sets, limits, suspensions");
  auto domain = std::make_shared<std::string>();
  const auto named = [domain](CLI::App* verb) {
    verb->add_option("DOMAIN", *domain, "of recipients, as example.net")
        ->required()
        ->transform([](const std::string& text) { return ascii_lowered(text); });
  };
  shell.verb(noun, "list", "destinations in use, and suspensions", "  essaim destination list",
             [&shell] { return with_site(shell, [&](Site& site) { return list(shell, site); }); });
  named(shell.verb(noun, "show", "connections, limit and last replies of a destination",
                   "  essaim destination show example.net", [&shell, domain] {
                     return with_site(shell, [&](Site& site) { return show(shell, site, *domain); });
                   }));
  named(shell.verb(noun, "explain", "MX hosts, limits, last replies, and why mail waits",
                   "  essaim destination explain example.net", [&shell, domain] {
                     return with_site(shell, [&](Site& site) { return explain(shell, site, *domain); });
                   }));
  auto reason = std::make_shared<std::string>();
  auto until = std::make_shared<std::string>();
  CLI::App* verb =
      shell.verb(noun, "suspend", "deliver nothing there for now",
                 "  essaim destination suspend example.net --reason 'asked us to' --until 2h",
                 [&shell, domain, reason, until] { return suspend(shell, *domain, *reason, *until); });
  named(verb);
  verb->add_option("--reason", *reason, "for those who ask later")->type_name("TEXT");
  verb->add_option("--until", *until, "2h, or 2026-11-22T18:00:00Z; without it, until resumed")
      ->type_name("TIME");
  named(shell.verb(noun, "resume", "deliver there again, also when it was found dead",
                   "  essaim destination resume example.net",
                   [&shell, domain] { return resume(shell, *domain); }));
}

}  // namespace essaim::smtpd::cli
