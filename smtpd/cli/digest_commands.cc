// essaim digest: what waits to be sent together, and when.
#include <map>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "lists/digests/job.h"
#include "lists/settings.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "storage/digest_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

using storage::DigestStore;
using storage::Reception;

struct Row {
  std::string list;
  lists::DigestSchedule schedule;
  storage::WaitingForDigest waiting;
  storage::DigestsMade made;
  std::map<Reception, std::int64_t> readers;
};

// Lists with a schedule, and those for which something waits still.
Result<std::vector<Row>> rows_of(storage::Connection& connection, const std::string& domain) {
  DigestStore digests(connection);
  const auto waiting = digests.waiting();
  if (!waiting.ok()) return waiting.error();
  std::map<Id, storage::WaitingForDigest> by_list;
  for (const storage::WaitingForDigest& one : *waiting) by_list[one.list_id] = one;
  std::vector<Row> out;
  ESSAIM_TRY(storage::DirectoryStore(connection)
                 .for_each_list(domain, [&](storage::ListRecord& list) -> Result<void> {
                   Row row;
                   row.list = list.address();
                   row.schedule = lists::settings_of(list).digest;
                   if (const auto found = by_list.find(list.id); found != by_list.end())
                     row.waiting = found->second;
                   if (!row.schedule.is_on() && row.waiting.posts == 0) return {};
                   auto made = digests.made(list.id);
                   if (!made.ok()) return made.error();
                   row.made = *made;
                   auto readers = storage::MemberStore(connection).count_gathered(list.id);
                   if (!readers.ok()) return readers.error();
                   row.readers = *std::move(readers);
                   out.push_back(std::move(row));
                   return {};
                 }));
  return out;
}

// With the next post that comes, where none waits.
WallTime next_of(const Row& row, WallTime now) {
  return lists::digest_due(row.schedule, row.waiting.oldest.value_or(now));
}

int list(const Shell& shell, Site& site, const std::string& domain) {
  const auto rows = site.read([&](storage::Connection& connection) { return rows_of(connection, domain); });
  if (!rows.ok()) return shell.fail(rows.error());
  const WallTime now = system_clock().wall_now();
  Json json = Json::array();
  Table table({"LIST", "SCHEDULE", "POSTS", "NEXT", "LAST", "NUMBER", "READERS"});
  for (const Row& row : *rows) {
    Json readers = Json::object();
    std::int64_t all = 0;
    for (const auto& [reception, number] : row.readers) {
      readers[std::string(to_string(reception))] = number;
      all += number;
    }
    const bool was = row.made.number > 0;
    json.push_back({{"list", row.list},
                    {"schedule", to_string(row.schedule)},
                    {"posts", row.waiting.posts},
                    {"next", format_iso8601(next_of(row, now))},
                    {"last", was ? Json(format_iso8601(row.made.made)) : Json(nullptr)},
                    {"number", row.made.number},
                    {"readers", readers}});
    table.add({row.list, row.schedule.is_on() ? to_string(row.schedule) : "(none any more)",
               std::to_string(row.waiting.posts), show_time(next_of(row, now)),
               was ? show_time(row.made.made) : "-", std::to_string(row.made.number), std::to_string(all)});
  }
  if (shell.json) return print_json(json);
  if (table.empty())
    print_line(
        "no list has digests; essaim list set dev@lists.example.org digest=\"mon,thu 07:30\" gives it some");
  else
    print(table.text());
  return kOk;
}

int send(const Shell& shell, Site& site, const std::string& address) {
  const auto info = site.admin().show_list(address);
  if (!info.ok()) return shell.fail(info.error());
  const auto old = site.read(lists::node_without_digests);
  if (!old.ok()) return shell.fail(old.error());
  if (!old->empty())
    return shell.fail(
        Error{ErrorCode::kConflict, "digests wait for " + *old + ", whose program does not know them"});
  const auto services = site.services_to_render();
  if (!services.ok()) return shell.fail(services.error());
  const auto made = lists::send_digests(*services, info->list.id);
  if (!made.ok()) return shell.fail(made.error());
  return shell.done(*made == 0 ? "nothing waits, or nobody has digests"
                               : plural(static_cast<std::int64_t>(*made), "digest") + " queued",
                    json_text({{"digests", *made}}));
}

}  // namespace

void add_digest(Shell& shell) {
  CLI::App* noun = shell.noun("digest", "posts that are sent several in one mail to members who want it so");
  auto domain = std::make_shared<std::string>();
  shell
      .verb(noun, "list", "lists with digests: what waits, and when the next one is made",
            "  essaim digest list\n  essaim digest list --domain lists.example.org",
            [&shell, domain] {
              return with_site(shell, [&](Site& site) { return list(shell, site, *domain); });
            })
      ->add_option("--domain", *domain, "only its lists")
      ->type_name("DOMAIN");
  auto address = std::make_shared<std::string>();
  shell
      .verb(noun, "send", "send what waits now, and not when the schedule says",
            "  essaim digest send dev@lists.example.org",
            [&shell, address] {
              return with_site(shell, [&](Site& site) { return send(shell, site, *address); });
            })
      ->add_option("LIST", *address, "as dev@lists.example.org")
      ->required();
}

}  // namespace essaim::smtpd::cli
