#include "storage/list_rest.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "storage/directory_store.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr const char* kRest = "list-rest:";
constexpr const char* kBehindRest = "list-rest;";
// Of lists that were deleted; earlier versions, which tell nobody of what they decline, leave it alone.
constexpr const char* kEnd = "list-end:";
constexpr const char* kBehindEnd = "list-end;";
constexpr const char* kRemind = "remind-rest:";
constexpr const char* kBehindRemind = "remind-rest;";
constexpr const char* kJob = "held";                // that does it
constexpr std::int64_t kDeparturesTogether = 1000;  // some 200 octets each

// A value of the site.
struct Rest {
  std::string name, value;
  std::map<std::string, std::string> about;
  std::string text(const std::string& key) const {
    const auto found = about.find(key);
    return found == about.end() ? "" : found->second;
  }
  std::int64_t number(const std::string& key) const {
    const std::string digits = text(key);
    std::int64_t out = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return out;
  }
};

Result<std::vector<Rest>> all_rests(Connection& connection) {
  return sql::rows(sql::prepare(connection,
                                "SELECT name, value FROM site_value WHERE (name > ? AND name < ?) OR "
                                "(name > ? AND name < ?) ORDER BY name",
                                kRest, kBehindRest, kEnd, kBehindEnd),
                   [](Statement& row) -> Result<Rest> {
                     Rest rest{sql::text(row, 0), sql::text(row, 1), {}};
                     auto about = sql::decode_settings(rest.value);
                     if (!about.ok())
                       return Error{about.error().code, rest.name + ": " + about.error().message};
                     rest.about = *std::move(about);
                     return rest;
                   });
}

Result<bool> more_than(const Result<std::int64_t>& changed, std::int64_t together) {
  if (!changed.ok()) return changed.error();
  return *changed >= together;
}

// Those of one time: who leaves a list that has got the name since is of that one.
Result<bool> move_departures(Connection& connection, const std::string& from, const std::string& to,
                             std::int64_t until) {
  return more_than(sql::run(connection,
                            sql::update_some(connection, "departure", "list_address = ?",
                                             "list_address = ? AND left_at <= ?", kDeparturesTogether),
                            to, from, until),
                   kDeparturesTogether);
}

// What the list is called now: it may have been renamed again, or have been deleted.
Result<std::string> name_now(Connection& connection, const Rest& rest) {
  const auto list = DirectoryStore(connection).find_list_by_id(rest.number("list"));
  if (!list.ok()) return list.error();
  return list->has_value() ? (*list)->address() : rest.text("to");
}

// One transaction after the other, until one finds no more.
Result<void> while_more(Database& database, const std::function<Result<bool>(Connection&)>& step) {
  for (bool more = true; more;) {
    const auto found = database.write_now(Durability::kProgress, step);
    if (!found.ok()) return found.error();
    more = *found;
  }
  return {};
}

// Some of what is held in each transaction.
Result<void> for_each_some(Database& database, std::span<const Id> ids,
                           const std::function<Result<void>(Connection&, std::span<const Id>)>& change) {
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), static_cast<std::size_t>(kHeldTogether)));
    ids = ids.subspan(some.size());
    ESSAIM_TRY(database.write_now(Durability::kProgress,
                                  [&](Connection& connection) { return change(connection, some); }));
  }
  return {};
}

// Their ids alone, asked for once: a condition on what is not changed yet would read what is, again for each step.
Result<std::vector<Id>> read_ids(Database& database,
                                 const std::function<Result<std::vector<Id>>(Connection&)>& find) {
  return database.read_now(find);
}

Result<void> finish_renaming(Database& database, const Rest& rest) {
  const auto ids = read_ids(database, [&rest](Connection& connection) -> Result<std::vector<Id>> {
    const auto name = name_now(connection, rest);
    if (!name.ok()) return name.error();
    return sql::ids(sql::prepare(connection, "SELECT id FROM held WHERE list_id = ? AND list_address <> ?",
                                 rest.number("list"), *name));
  });
  if (!ids.ok()) return ids.error();
  const auto rename = [&rest](Connection& connection, std::span<const Id> some) -> Result<void> {
    const auto name = name_now(connection, rest);
    if (!name.ok()) return name.error();
    for (const Id id : some)
      ESSAIM_TRY(sql::run(connection, "UPDATE held SET list_address = ? WHERE id = ?", *name, id));
    return {};
  };
  ESSAIM_TRY(for_each_some(database, *ids, rename));
  return while_more(database, [&rest](Connection& connection) -> Result<bool> {
    const auto name = name_now(connection, rest);
    if (!name.ok()) return name.error();
    if (*name == rest.text("from")) return false;
    return move_departures(connection, rest.text("from"), *name, rest.number("until"));
  });
}

// The job looks once a minute what is due. Where nodes share the database, a run under way gives up, and the next begins with this.
Result<void> have_job_run(Connection& connection) {
  ESSAIM_TRY(sql::run(connection, "UPDATE job SET started = 0 WHERE name = ?", kJob));
  return {};
}

Result<void> leave(Connection& connection, Id list_id, const std::string& name,
                   std::map<std::string, std::string> about) {
  about["list"] = std::to_string(list_id);
  ESSAIM_TRY(have_job_run(connection));
  return SiteStore(connection).set(name, sql::encode_settings(about));
}

std::string name_of(const RemindingRest& rest) {
  return kRemind + std::to_string(rest.domain_id);
}

EndedList ended(const Rest& rest) {
  EndedList out{rest.number("list"), from_millis(rest.number("at")), rest.text("by"), rest.about};
  for (const char* own : {"list", "at", "by"}) out.about.erase(own);
  return out;
}

}  // namespace

Result<void> decline_waiting(Connection& connection, Id list_id, WallTime now, const std::string& by,
                             const std::map<std::string, std::string>& about) {
  const auto more = HeldStore(connection).decline_some(list_id, now, by);
  if (!more.ok()) return more.error();
  if (!*more) return {};
  auto all = about;
  all["by"] = by;
  all["at"] = std::to_string(to_millis(now));
  return leave(connection, list_id, kEnd + std::to_string(list_id), std::move(all));
}

Result<void> rename_rows(Connection& connection, Id list_id, const std::string& from, const std::string& to) {
  const auto more_held =
      more_than(sql::run(connection,
                         sql::update_some(connection, "held", "list_address = ?",
                                          "list_id = ? AND list_address <> ?", kHeldTogether),
                         to, list_id, to),
                kHeldTogether);
  if (!more_held.ok()) return more_held.error();
  const auto until =
      sql::number(connection, 0, "SELECT MAX(left_at) FROM departure WHERE list_address = ?", from);
  if (!until.ok()) return until.error();
  const auto more_left = move_departures(connection, from, to, *until);
  if (!more_left.ok()) return more_left.error();
  if (!*more_held && !*more_left) return {};
  return leave(connection, list_id, kRest + std::to_string(list_id) + "/" + from,
               {{"from", from}, {"to", to}, {"until", std::to_string(*until)}});
}

Result<void> finish_lists(Database& database, const FinishEnded& finish_ended) {
  const auto rests = database.read_now(all_rests);
  if (!rests.ok()) return rests.error();
  for (const Rest& rest : *rests) {
    if (rest.text("from").empty()) {
      ESSAIM_TRY(finish_ended(ended(rest)));
    } else {
      ESSAIM_TRY(finish_renaming(database, rest));
    }
    // Unless it says something else by now.
    const auto forget = [&rest](Connection& connection) -> Result<void> {
      ESSAIM_TRY(sql::run(connection, "DELETE FROM site_value WHERE name = ? AND value = ?", rest.name,
                          sql::Blob{rest.value}));
      return {};
    };
    ESSAIM_TRY(database.write_now(Durability::kProgress, forget));
    log::info("list-rest-done", {{"what", rest.name}});
  }
  return {};
}

Result<void> finish_reminding(Database& database, const HeldRecord& one, WallTime next) {
  const auto ids = read_ids(database, [&](Connection& connection) {
    return sql::ids(sql::prepare(connection,
                                 "SELECT id FROM held WHERE list_id = ? AND state = 0 AND kind = ? AND "
                                 "remind > 0 AND remind < ?",
                                 one.list_id, one.kind, next));
  });
  if (!ids.ok()) return ids.error();
  return for_each_some(
      database, *ids, [next](Connection& connection, std::span<const Id> some) -> Result<void> {
        for (const Id id : some)
          ESSAIM_TRY(sql::run(
              connection, "UPDATE held SET remind = ? WHERE id = ? AND state = 0 AND remind > 0", next, id));
        return {};
      });
}

Result<void> leave_reminding(Connection& connection, const RemindingRest& rest) {
  ESSAIM_TRY(have_job_run(connection));
  return keep_reminding(connection, rest);
}

Result<std::vector<RemindingRest>> reminding_rests(Connection& connection) {
  constexpr std::size_t head = std::string_view(kRemind).size();
  return sql::rows(
      sql::prepare(connection, "SELECT name, value FROM site_value WHERE name > ? AND name < ? ORDER BY name",
                   kRemind, kBehindRemind),
      [](Statement& row) -> Result<RemindingRest> {
        const std::string name = sql::text(row, 0);
        auto about = sql::decode_settings(row.text(1));
        if (!about.ok()) return Error{about.error().code, name + ": " + about.error().message};
        RemindingRest rest{0, (*about)["domain"], (*about)["after"]};
        std::from_chars(name.data() + head, name.data() + name.size(), rest.domain_id);
        return rest;
      });
}

Result<void> keep_reminding(Connection& connection, const RemindingRest& rest) {
  return SiteStore(connection)
      .set(name_of(rest), sql::encode_settings({{"domain", rest.domain}, {"after", rest.after}}));
}

Result<void> end_reminding(Connection& connection, const RemindingRest& rest) {
  ESSAIM_TRY(sql::run(connection, "DELETE FROM site_value WHERE name = ?", name_of(rest)));
  return {};
}

}  // namespace essaim::storage
