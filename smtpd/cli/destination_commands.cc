// essaim destination: where mail goes, why it waits, and suspensions.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sys/socket.h>

#include "core/base/network.h"
#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "delivery/suspended_hosts.h"
#include "lists/names.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/suspensions_json.h"
#include "smtpd/cli/tls_history.h"
#include "smtpd/operate/queue_summary.h"
#include "smtpd/operate/route.h"
#include "storage/batch_store.h"

namespace essaim::smtpd::cli {
namespace {

using storage::SuspensionScope;

// What a suspension is about: a domain of recipients, or the MX hosts that take mail for many.
struct Place {
  std::string domain, hosts;
};

Result<std::string> subject_of(Site& site, const Place& place) {
  if (place.domain.empty() == place.hosts.empty())
    return Error{ErrorCode::kInvalid, "either a DOMAIN, or its MX hosts by --mx"};
  if (!place.domain.empty()) {
    const auto name = lists::checked_domain(place.domain);
    if (!name.ok() && !operate::is_smarthost(site.settings(), place.domain)) return name.error();
    return place.domain;
  }
  // A smart host may be set by its address.
  const std::string address = delivery::suspended_name(place.hosts);
  if (is_ip(AF_INET, address) || is_ip(AF_INET6, address))
    return std::string(storage::kSuspendedHosts) + address;
  const std::string below = place.hosts.starts_with("*.") ? "*." : "";
  const auto name = lists::checked_domain(place.hosts.substr(below.size()));
  if (!name.ok()) return name.error();
  return std::string(storage::kSuspendedHosts) + below + smtp::kept_domain(*name);
}

constexpr std::size_t kMostShown = 20;  // of what the database knows

bool no_server(const Error& error) {
  return error.code == ErrorCode::kNotFound && error.message.starts_with("no server");
}

// What the database knows of domains that mail waits for, of suspensions, and of how TLS went.
struct Known {
  std::vector<storage::SuspensionRecord> suspensions;
  std::vector<storage::BatchRecord> waiting;
  std::vector<operate::QueueSum> sums;  // of this domain alone, where a batch has recipients of many
  std::size_t unread = 0;               // batches on a damaged page, of which nobody knows where they go
  std::vector<storage::TlsResultRow> tls;
};
Result<Known> known(Site& site, const std::string& domain) {
  Known out;
  auto all = suspensions(site);
  if (!all.ok()) return all.error();
  out.suspensions = *std::move(all);
  // What holds back all mail holds back this, too; lists show up at what waits.
  if (!domain.empty()) {
    const auto names = operate::names_of_destination(site.settings(), domain);
    std::erase_if(out.suspensions, [&](const auto& s) {
      return s.scope == SuspensionScope::kList ||
             (s.scope == SuspensionScope::kDestination &&
              std::find(names.begin(), names.end(), s.subject) == names.end());
    });
  }
  ESSAIM_TRY(site.read([&](storage::Connection& c) -> Result<void> {
    if (domain.empty()) return {};
    storage::PostFilter filter;
    filter.domain = domain;
    auto waiting = storage::BatchStore(c).waiting(filter);
    if (!waiting.ok()) return waiting.error();
    out.waiting = *std::move(waiting);
    out.unread = std::erase_if(out.waiting, [](const storage::BatchRecord& b) { return b.unread; });
    auto tls = tls_history(c, domain, system_clock().wall_now());
    if (!tls.ok()) return tls.error();
    out.tls = *std::move(tls);
    return {};
  }));
  if (domain.empty()) return out;
  storage::PostFilter filter;
  filter.domain = domain;
  auto sums = operate::sum_up(site.database(), filter, 0, operate::SumBy::kDestination);
  if (!sums.ok()) return sums.error();
  out.sums = std::move(sums->lines);
  std::erase_if(out.sums, [](const operate::QueueSum& line) { return line.recipients == 0; });
  return out;
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

int list(const Shell& shell, Site& site, std::size_t limit) {
  auto stored = known(site, "");
  if (!stored.ok()) return shell.fail(stored.error());
  // In the order of the server, which tells of some of thousands in a moment.
  std::map<std::string, std::string> arguments;
  if (!shell.json) arguments["most"] = std::to_string(limit);
  auto answer = admin::call(site.settings().admin_socket(), {"destinations", arguments});
  if (!answer.ok() && !no_server(answer.error())) return shell.fail(answer.error());
  Json told = answer.ok() ? Json::parse(*answer) : Json{{"destinations", Json::array()}};
  const Json live = std::move(told["destinations"]);
  const auto all = told.value("all", live.size()), suspended = told.value("suspended", std::size_t{0});
  if (shell.json)
    return print_json({{"running", answer.ok()},
                       {"destinations", live},
                       {"suspensions", suspensions_json(stored->suspensions)}});
  Table table({"DESTINATION", "CONNECTIONS", "WAITING", "STATE", "LAST REPLY"});
  for (const Json& d : live) {
    const std::string state = d.value("state", "");
    const Json replies = d.value("last_replies", Json::array());
    // What its hosts have said is the last reply, too: once is enough, and the state is short.
    const std::size_t why = state.starts_with("suspended until ") ? state.find(": ") : std::string::npos;
    table.add({d.value("domain", ""),
               std::to_string(d.value("connections", 0)) + "/" + std::to_string(d.value("limit", 0)),
               std::to_string(d.value("waiting", std::int64_t{0})), state.substr(0, why),
               !replies.empty()           ? replies[0].get<std::string>()
               : why != std::string::npos ? state.substr(why + 2)
                                          : ""});
  }
  if (!table.empty()) print(table.text());
  if (all > live.size()) print_line("and " + std::to_string(all - live.size()) + " more; see --limit");
  if (all > 0)
    print_line(plural(static_cast<std::int64_t>(all), "destination") + ", " + std::to_string(suspended) +
               " suspended");
  for (const auto& s : stored->suspensions)
    print_line((s.subject.empty() ? "all delivery" : for_display(s.subject)) + ": " + describe(s));
  if (!answer.ok())
    print_line("no server is running: only suspensions are known; `essaim queue list` shows what waits");
  else if (table.empty())
    print_line("nothing was delivered lately; `essaim queue why` says what waits");
  return kOk;
}

// What print_stored() says, under the same names whether a server runs or not.
void add_stored(const std::string& domain, const Known& stored, Json* json) {
  Json waiting = Json::array();
  for (const auto& b : stored.waiting)
    waiting.push_back(
        {{"id", format_id(b.post_id)},
         {"batch", b.number},
         {"pending", b.pending},
         {"due", b.queue == storage::BatchQueue::kWaiting ? Json(format_iso8601(b.due)) : Json(nullptr)},
         {"why", b.why}});
  Json sums = Json::array();
  for (const operate::QueueSum& line : stored.sums)
    sums.push_back({{"reason", line.reason}, {"recipients", line.recipients}, {"posts", line.posts}});
  (*json)["domain"] = domain;
  (*json)["sums"] = std::move(sums);
  (*json)["suspensions"] = suspensions_json(stored.suspensions);
  (*json)["tls"] = tls_history_json(stored.tls);
  (*json)["waiting"] = std::move(waiting);
  (*json)["unreadable_batches"] = stored.unread;
}

// Without a server: route and queue are looked up here.
int explain_alone(const Shell& shell, Site& site, const std::string& domain, const Known& stored) {
  const operate::Route route = operate::find_route(site.settings(), domain);
  if (shell.json) {
    Json json = {
        {"running", false}, {"route", route.summary}, {"settings", route.settings}, {"hosts", route.hosts}};
    add_stored(domain, stored, &json);
    return print_json(json);
  }
  print_line(for_display(domain) + ": " + for_display(route.summary));
  for (std::string_view line : split(route.settings, '\n'))
    if (!line.empty()) print_line(for_display(line));
  for (const std::string& host : route.hosts) print_line("host         " + for_display(host));
  return kOk;
}

void print_stored(const Known& stored) {
  if (!stored.tls.empty()) print_line("TLS on all nodes, today and yesterday, up to a minute ago:");
  for (std::size_t i = 0; i < stored.tls.size() && i < kMostShown; ++i)
    print_line("  " + describe(stored.tls[i]));
  if (stored.tls.size() > kMostShown)
    print_line("  and " + std::to_string(stored.tls.size() - kMostShown) + " more; see: --json");
  for (const auto& s : stored.suspensions)
    print_line("suspension   " + (s.subject.empty() ? std::string("all delivery ") : "") + describe(s));
  const WallTime now = system_clock().wall_now();
  for (std::size_t i = 0; i < stored.sums.size() && i < kMostShown; ++i) {
    const operate::QueueSum& line = stored.sums[i];
    print_line("waits        " + plural(line.recipients, "recipient") + " of " + plural(line.posts, "post") +
               (line.oldest == WallTime{} ? "" : ", the oldest for " + show_age(line.oldest, now)) +
               (line.next_due == WallTime{} ? ""
                : line.next_due <= now      ? ", next try now"
                                            : ", next try in " + show_age(line.next_due, now)) +
               (line.reason.empty() ? "" : ": " + for_display(line.reason)));
  }
  if (stored.sums.size() > kMostShown)
    print_line("waits        and for " + std::to_string(stored.sums.size() - kMostShown) +
               " other reasons; see: essaim queue why --domain");
  if (stored.unread > 0)
    print_line("damaged      " + std::to_string(stored.unread) +
               (stored.unread == 1 ? " batch" : " batches") +
               " of some destination cannot be read; see: essaim queue list");
  if (stored.sums.empty()) print_line("waits        nothing");
}

int explain(const Shell& shell, Site& site, const std::string& domain) {
  auto stored = known(site, domain);
  if (!stored.ok()) return shell.fail(stored.error());
  auto answer = admin::call(site.settings().admin_socket(), {"explain", {{"domain", domain}}});
  if (!answer.ok() && !no_server(answer.error())) return shell.fail(answer.error());
  if (!answer.ok()) {
    const int code = explain_alone(shell, site, domain, *stored);
    if (!shell.json) print_stored(*stored);
    return code;
  }
  if (shell.json) {
    Json json = Json::parse(*answer);
    add_stored(domain, *stored, &json);
    return print_json(json);
  }
  const std::string text = Json::parse(*answer).value("text", "");
  for (std::string_view line : split(text, '\n'))
    if (!line.empty()) print_line(for_display(line));
  print_stored(*stored);
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

}  // namespace

void add_destination(Shell& shell) {
  CLI::App* noun = shell.noun("destination", "where mail goes: MX sets, limits, suspensions");
  auto domain = std::make_shared<std::string>();
  const auto named = [domain](CLI::App* verb) {
    verb->add_option("DOMAIN", *domain, "of recipients, as example.net; or a smart host")
        ->required()
        ->transform([](const std::string& text) { return smtp::kept_domain(text); });
  };
  auto limit = std::make_shared<std::size_t>(50);
  shell
      .verb(
          noun, "list", "destinations in use, those where most waits first, and suspensions",
          "  essaim destination list\n  essaim destination list --limit 1000",
          [&shell, limit] { return with_site(shell, [&](Site& site) { return list(shell, site, *limit); }); })
      ->add_option("--limit", *limit, "at most so many lines (50)")
      ->type_name("N")
      ->check(wrong_count);
  named(shell.verb(noun, "show", "connections, limit and last replies of a destination",
                   "  essaim destination show example.net", [&shell, domain] {
                     return with_site(shell, [&](Site& site) { return show(shell, site, *domain); });
                   }));
  named(shell.verb(noun, "explain", "MX hosts, limits, TLS policy, last replies, and why mail waits",
                   "  essaim destination explain example.net", [&shell, domain] {
                     return with_site(shell, [&](Site& site) { return explain(shell, site, *domain); });
                   }));
  auto place = std::make_shared<Place>();
  const auto placed = [place](CLI::App* verb) {
    verb->add_option("DOMAIN", place->domain, "of recipients, as example.net; or a smart host")
        ->transform([](const std::string& text) { return smtp::kept_domain(text); });
    verb->add_option(
            "--mx", place->hosts,
            "all domains of which one of these hosts takes the mail: mx.example.net, or *.example.net")
        ->type_name("HOSTS");
  };
  auto options = std::make_shared<std::shared_ptr<SuspendOptions>>();
  CLI::App* verb = shell.verb(noun, "suspend", "deliver nothing there for now; it is taken and waits",
                              "  essaim destination suspend example.net --reason 'asked us to' --for 2h\n"
                              "  essaim destination suspend --mx '*.example.net' --reason blocklisted",
                              [&shell, place, options] {
                                return with_site(shell, [&](Site& site) {
                                  const auto subject = subject_of(site, *place);
                                  if (!subject.ok()) return shell.fail_usage(subject.error().message);
                                  return suspend(shell, site, SuspensionScope::kDestination, *subject,
                                                 *subject, **options);
                                });
                              });
  placed(verb);
  *options = add_suspend_options(verb);
  placed(shell.verb(
      noun, "resume", "deliver there again, also when it was found dead",
      "  essaim destination resume example.net\n  essaim destination resume --mx '*.example.net'",
      [&shell, place] {
        return with_site(shell, [&](Site& site) {
          if (place->hosts.empty() && !place->domain.empty())  // whatever it is called
            return resume(shell, site, SuspensionScope::kDestination, place->domain, place->domain);
          const auto subject = subject_of(site, *place);
          if (!subject.ok()) return shell.fail_usage(subject.error().message);
          return resume(shell, site, SuspensionScope::kDestination, *subject, *subject);
        });
      }));
}

}  // namespace essaim::smtpd::cli
