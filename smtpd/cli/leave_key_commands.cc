// essaim leave-key: the keys of what members leave with (lists/leave_keys.h).
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/base/log.h"
#include "lists/leave_keys.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "storage/directory_store.h"

namespace essaim::smtpd::cli {
namespace {

using lists::LeaveKey;
using lists::LeaveKeys;

const char* state_of(const LeaveKeys& keys, const LeaveKey& key) {
  if (!key.good()) return "retired";
  return &key == &keys.newest() ? "signs" : "good";
}

Result<LeaveKeys> keys_of(Site& site) {
  ESSAIM_TRY(lists::ensure_leave_keys(site.database(), system_clock().wall_now()));
  return site.read(lists::read_leave_keys);
}

int list(const Shell& shell, Site& site) {
  auto keys = keys_of(site);
  if (!keys.ok()) return shell.fail(keys.error());
  Json json = Json::array();
  Table table({"KEY", "STATE", "CREATED", "RETIRED"});
  for (const LeaveKey& key : keys->all()) {
    json.push_back({{"key", key.number},
                    {"state", state_of(*keys, key)},
                    {"created", format_iso8601(key.created)},
                    {"retired", key.good() ? Json(nullptr) : Json(format_iso8601(key.retired))}});
    table.add({std::to_string(key.number), state_of(*keys, key), show_time(key.created),
               key.good() ? "-" : show_time(key.retired)});
  }
  if (shell.json) return print_json(json);
  print(table.text());
  return kOk;
}

// Changes them in one transaction; gives the number of the key that makes tokens now.
Result<int> change(Site& site, const std::function<Result<void>(LeaveKeys*, WallTime)>& how) {
  const WallTime now = system_clock().wall_now();
  ESSAIM_TRY(lists::ensure_leave_keys(site.database(), now));
  int newest = 0;
  const auto change_them = [&](storage::Connection& connection) -> Result<void> {
    ESSAIM_TRY(storage::SiteStore(connection).lock_changes());
    auto keys = lists::read_leave_keys(connection);
    if (!keys.ok()) return keys.error();
    ESSAIM_TRY(how(&*keys, now));
    newest = keys->newest().number;
    return lists::write_leave_keys(connection, *keys);
  };
  ESSAIM_TRY(site.database().write_now(storage::Durability::kAccept, change_them));
  return newest;
}

int rotate(const Shell& shell, Site& site) {
  auto newest = change(site, [](LeaveKeys* keys, WallTime now) -> Result<void> {
    auto added = keys->add(now);
    return added.ok() ? Result<void>() : added.error();
  });
  if (!newest.ok()) return shell.fail(newest.error());
  log::info("leave-key", {{"verb", "rotate"}, {"key", *newest}});
  return shell.done("key " + std::to_string(*newest) +
                        " signs from now on, on all nodes within half a minute; the others stay good until "
                        "they are retired",
                    json_text({{"changed", true}, {"key", *newest}}));
}

int retire(const Shell& shell, Site& site, int number) {
  auto newest = change(site, [number](LeaveKeys* keys, WallTime now) { return keys->retire(number, now); });
  if (!newest.ok()) return shell.fail(newest.error());
  log::info("leave-key", {{"verb", "retire"}, {"key", number}});
  return shell.done("what was made with key " + std::to_string(number) + " is good no more; key " +
                        std::to_string(*newest) + " signs",
                    json_text({{"changed", true}, {"key", *newest}}));
}

}  // namespace

void add_leave_key(Shell& shell) {
  CLI::App* noun = shell.noun("leave-key", "keys of the links and addresses that members leave with");
  shell.verb(noun, "list", "the keys, and which of them makes links now", "  essaim leave-key list",
             [&shell] { return with_site(shell, [&](Site& site) { return list(shell, site); }); });
  shell.verb(noun, "rotate", "make a new key, which signs from now on; links of the others stay good",
             "  essaim leave-key rotate",
             [&shell] { return with_site(shell, [&](Site& site) { return rotate(shell, site); }); });
  auto number = std::make_shared<int>(0);
  CLI::App* retired = shell.verb(
      noun, "retire", "end what was made with a key: its links lead to a page that says how to leave",
      "  essaim leave-key retire 0", [&shell, number] {
        return with_site(shell, [&](Site& site) { return retire(shell, site, *number); });
      });
  retired->add_option("KEY", *number, "its number")->required();
}

}  // namespace essaim::smtpd::cli
