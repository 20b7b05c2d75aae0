// essaim storage: the database itself.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>

#include <CLI/CLI.hpp>

#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/daemon/state_directory.h"
#include "smtpd/guard/pressure.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/restore.h"
#include "smtpd/operate/salvage.h"
#include "storage/backup_note.h"
#include "storage/copied_away.h"
#include "storage/journal.h"
#include "storage/node_store.h"
#include "storage/schema.h"

namespace essaim::smtpd::cli {
namespace {

int with_any(const Shell& shell, const std::function<int(Site&)>& command) {
  auto site = Site::open_any_version(shell);
  if (!site.ok()) return shell.fail(site.error());
  return command(**site);
}

Json time_or_null(WallTime time) {
  return time == WallTime{} ? Json(nullptr) : Json(format_iso8601(time));
}

void print_room(const Settings& settings) {
  for (const std::string& place : settings.message_places()) {
    const double left = guard::free_octets({place});
    if (left == std::numeric_limits<double>::infinity()) continue;  // on a server, or not there
    const bool is_short = left < static_cast<double>(settings.limits.clients.min_free_octets);
    print_line(
        "room      " + std::to_string(static_cast<std::int64_t>(left / 1e6)) + " MB left for " +
        for_display(place) +
        (is_short ? ": less than limits.free_space, so new mail gets 452; make room on its disk" : ""));
  }
}

int check(const Shell& shell, Site& site) {
  // It names what is damaged, which others may meet, too.
  auto sound = site.database().check();
  if (sound.ok()) sound = site.database().check_settings();
  auto version = storage::schema_version(site.database());
  if (!version.ok()) return shell.fail(sound.ok() ? version.error() : sound.error());
  const std::vector<storage::Database::Host> hosts = site.database().hosts();
  const bool newest =
      *version >= storage::newest_schema_version() && storage::require_newest(site.database()).ok();
  std::optional<storage::CopiedAway> away;
  storage::BackupNote backup;
  if (*version > 0 && sound.ok()) {
    auto mark = storage::copied_away(site.database());
    if (!mark.ok()) return shell.fail(mark.error());
    away = *mark;
    const auto noted = site.read(storage::backup_note);
    if (!noted.ok()) return shell.fail(noted.error());
    backup = *noted;
  }
  if (shell.json) {
    Json each = Json::array();
    for (const auto& host : hosts)
      each.push_back({{"host", host.name}, {"ok", host.problem.empty()}, {"problem", host.problem}});
    print_json({{"url", site.settings().database_url},
                {"hosts", each},
                {"copied_away", away ? Json(format_iso8601(away->when)) : Json(nullptr)},
                {"last_backup", time_or_null(backup.last)},
                {"backup_due", time_or_null(backup.due)},
                {"schema", *version},
                {"newest_schema", storage::newest_schema_version()},
                {"ok", sound.ok() && newest},
                {"problem", sound.ok() ? "" : sound.error().message}});
    return sound.ok() && newest ? kOk : kFailed;
  }
  print_line("database  " + for_display(site.settings().database_url));
  for (const auto& host : hosts)
    print_line("host      " + for_display(host.name) +
               (host.problem.empty() ? " works" : " does not work: " + for_display(host.problem)));
  print_line("schema    " + std::to_string(*version) + (newest ? " (newest)" : ""));
  print_room(site.settings());
  if (!sound.ok()) return shell.fail(sound.error());
  if (!newest) {
    const auto why = storage::require_newest(site.database());
    return shell.fail(Error{ErrorCode::kConflict, why.ok() ? "not the newest schema" : why.error().message});
  }
  print_line("sound     yes");
  if (backup.last != WallTime{} || backup.due != WallTime{}) {
    print_line("backup    " + show_time(backup.last) +
               (backup.due == WallTime{} ? "" : ", the next is due " + show_time(backup.due)));
  }
  if (away) {
    print_line("copied    to another database " + std::string(away->finished ? "at " : "since ") +
               show_time(away->when) + ": no server starts on this one");
  }
  return kOk;
}

int migrate(const Shell& shell, Site& site) {
  auto before = storage::schema_version(site.database());
  if (!before.ok()) return shell.fail(before.error());
  const auto done = storage::migrate(site.database());
  if (!done.ok()) return shell.fail(done.error());
  const int now = storage::newest_schema_version();
  return shell.done(*before == now ? "schema " + std::to_string(now) + " is the newest already"
                                   : "schema " + std::to_string(*before) + " is now " + std::to_string(now),
                    json_text({{"from", *before}, {"to", now}}));
}

int init(const Shell& shell, Site& site) {
  auto before = storage::schema_version(site.database());
  if (!before.ok()) return shell.fail(before.error());
  const auto newest =
      *before == 0 ? storage::migrate(site.database()) : storage::require_newest(site.database());
  if (!newest.ok()) return shell.fail(newest.error());
  return shell.done(*before == 0 ? "made, with schema " + std::to_string(storage::newest_schema_version())
                                 : "is there already, with the newest schema",
                    json_text({{"made", *before == 0}, {"schema", storage::newest_schema_version()}}));
}

// What the journal has and the database has not would be left behind.
Result<std::unique_ptr<StateDirectory>> nothing_in_the_journal(const Settings& settings) {
  auto state = StateDirectory::open(settings);  // no server runs, and none starts meanwhile
  if (!state.ok()) return state;
  bool any = false;
  auto read = storage::read_journal(settings.journal_directory(), [&any](const storage::JournalRecord&) {
    any = true;
    return Result<void>();
  });
  if (!read.ok()) return read.error();
  if (any) {
    return Error{ErrorCode::kConflict, settings.journal_directory() +
                                           ": the journal has outcomes that the database has not: start the "
                                           "server and stop it, then copy. If storage.url names a backup, "
                                           "start nothing: give the configuration a `state` of its own"};
  }
  return state;
}

// Older commands took the wish that a node with a file drains, which nobody looked at. On a cluster the node would come up
// and refuse all mail.
Result<void> forget_drain(Site& site) {
  if (site.settings().database_file().empty()) return {};
  return site.database().write_now(storage::Durability::kAccept,
                                   [&site](storage::Connection& c) -> Result<void> {
                                     storage::NodeStore nodes(c);
                                     auto node = nodes.find(site.settings().hostname);
                                     if (!node.ok()) return node.error();
                                     if (!node->has_value() || !(*node)->drains) return {};
                                     const auto serves = nodes.want((*node)->number, false);
                                     return serves.ok() ? Result<void>() : serves.error();
                                   });
}

Result<std::vector<storage::CopiedTable>> copy_to(const Shell& shell, Site& site, const std::string& url,
                                                  const std::string& password_file) {
  if (url == site.settings().database_url)
    return Error{ErrorCode::kInvalid, "the target is the database itself"};
  auto state = nothing_in_the_journal(site.settings());
  if (!state.ok()) return state.error();
  auto password = operate::database_password_from(password_file);
  if (!password.ok()) return password.error();
  Settings target = site.settings();
  target.database_url = url;
  auto database = operate::open_database(target, *password, 1);
  if (!database.ok()) return database.error();
  ESSAIM_TRY((*database)->check_settings());
  ESSAIM_TRY(storage::require_newest(site.database()));
  ESSAIM_TRY(forget_drain(site));
  return storage::copy_away(
      site.database(), **database, system_clock(),
      [&shell](const storage::CopiedTable& table) {
        if (!shell.json) print_line(table.name + "  " + plural(table.rows, "row"));
      },
      [&shell](const storage::NodeSight& node) {
        if (!shell.json)
          print_line("node " + for_display(node.hostname) + " may be at work: looking for a beat");
      });
}

int copy(const Shell& shell, Site& site, const std::string& url, const std::string& password_file) {
  auto copied = copy_to(shell, site, url, password_file);
  if (!copied.ok()) return shell.fail(copied.error());
  Json tables = Json::object();
  std::int64_t rows = 0;
  for (const storage::CopiedTable& table : *copied) {
    tables[table.name] = table.rows;
    rows += table.rows;
  }
  return shell.done("copied and compared: " + plural(rows, "row") + " to " + for_display(url),
                    json_text({{"to", url}, {"rows", rows}, {"tables", tables}}));
}

Result<std::vector<std::string>> restore_from(const Shell& shell, const std::string& file) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return Error{ErrorCode::kInvalid, loaded.error().message};
  auto state = StateDirectory::open(loaded->settings);  // no server runs, and none starts meanwhile
  if (!state.ok()) return state.error();
  return operate::restore(loaded->settings, file, system_clock().wall_now());
}

// From when on the log has what the backup has not: from its own note, as the time of its file is that of its end, or of a copy.
WallTime log_begins(const Shell& shell, WallTime file_time) {
  auto site = Site::open_any_version(shell);
  if (!site.ok()) return file_time;
  WallTime begun{};
  const auto read = (*site)->read([&begun](storage::Connection& connection) -> Result<void> {
    auto note = storage::backup_note(connection);
    if (!note.ok()) return note.error();
    begun = note->begun;
    return {};
  });
  return !read.ok() || begun == WallTime{} ? file_time : begun;
}

int restore(const Shell& shell, const std::string& file) {
  const auto made = operate::backup_time(file);  // before anything lies elsewhere
  auto aside = restore_from(shell, file);
  if (!aside.ok()) return shell.fail(aside.error());
  if (!made.ok()) return shell.fail(made.error());
  const std::string since = format_iso8601(log_begins(shell, *made)).substr(0, 19) + "Z";
  if (!shell.json) {
    for (const std::string& name : *aside) print_line("set aside: " + for_display(name));
    print_line("The file of the backup is of " + show_time(*made) + ", " +
               show_age(*made, system_clock().wall_now()) +
               " ago. Lists and members are as they were then: who has left since is a member again, who has "
               "joined is none. The log knows who left:\n"
               "  journalctl -u essaim -o cat | essaim member remove-left --log - --since " +
               since);
    print_line(
        "All delivery is suspended: what waited when the backup was made, and went out since, would go out "
        "again. Next:\n"
        "  essaim queue list       what waits; each post has its lifetime anew\n"
        "  journalctl -u essaim -o cat | essaim queue delete --log - --since " +
        since +
        "\n"
        "                          who got it since, as lines \"delivered\" of the log say\n"
        "  start the server\n"
        "  essaim queue resume     and it is delivered again");
  }
  return shell.done("restored from " + for_display(file),
                    json_text({{"file", file}, {"since", since}, {"aside", *aside}, {"suspended", true}}));
}

// The note for /metrics is less than the backup, which is made and kept without it.
void keep_note(Site& site, const storage::Work& work) {
  auto version = storage::schema_version(site.database());
  if (version.ok() && *version == 0) return;
  Result<void> done = version.ok() ? site.database().write_now(storage::Durability::kAccept, work)
                                   : Result<void>(version.error());
  if (!done.ok())
    std::fprintf(stderr, "essaim: /metrics does not tell of this backup: %s\n",
                 for_display(done.error().message).c_str());
}

struct BackupOptions {
  std::string file, every;
};
constexpr Duration kMostSeldom = std::chrono::hours(24 * 366);

int back_up(const Shell& shell, Site& site, const BackupOptions& options) {
  std::optional<Duration> every;
  if (!options.every.empty()) {
    Duration time{};
    if (!parse_duration(options.every, &time) || time > kMostSeldom)
      return shell.fail_usage("--every: \"" + options.every + "\" is no time span up to 366d, as 1d or 12h");
    every = time;
  }
  const WallTime begun = system_clock().wall_now();
  keep_note(site, [&](storage::Connection& c) { return storage::begin_backup(c, begun, every); });
  const auto done = site.database().backup(options.file);
  if (!done.ok()) return shell.fail(done.error());
  keep_note(site, [&](storage::Connection& c) { return storage::note_backup(c, begun, every); });
  return shell.done("written to " + for_display(options.file), json_text({{"file", options.file}}));
}

int reopen(const Shell& shell, Site& site) {
  auto version = storage::schema_version(site.database());
  if (!version.ok()) return shell.fail(version.error());
  auto was = *version > 0 ? storage::reopen(site.database()) : false;
  if (!was.ok()) return shell.fail(was.error());
  return shell.done(*was ? "servers may start on this database again; never start one on its copy, too"
                         : "it was not copied to another database",
                    json_text({{"changed", *was}}));
}

std::string told(const storage::LostRows& lost) {
  if (lost.rows == 0 && lost.first.empty() && lost.last.empty()) return "all, or nobody knows which";
  if (lost.rows == 0)
    return "nobody knows how many, behind " + (lost.first.empty() ? "the beginning" : lost.first) +
           " and before " + (lost.last.empty() ? "the end" : lost.last);
  if (lost.first.empty()) return plural(lost.rows, "row") + " that the new one refuses";
  return plural(lost.rows, "row") + ": " + lost.first + (lost.rows > 1 ? " to " + lost.last : "");
}

void print_table(const storage::SalvagedTable& table) {
  constexpr std::size_t kShown = 20;
  print_line(table.name + "  " + plural(table.rows, "row"));
  for (std::size_t i = 0; i < table.lost.size() && i < kShown; ++i)
    print_line("  lost: " + for_display(told(table.lost[i])));
  if (table.lost.size() > kShown)
    print_line("  lost: " + plural(static_cast<std::int64_t>(table.lost.size() - kShown), "other range") +
               " (--json has all)");
}

Result<storage::Salvaged> salvage_into(const Shell& shell, const std::string& file, const std::string& to) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return Error{ErrorCode::kInvalid, loaded.error().message};
  std::unique_ptr<StateDirectory> state;
  if (operate::is_database_of(loaded->settings, file)) {
    auto locked = StateDirectory::open(loaded->settings);  // no server runs, and none starts meanwhile
    if (!locked.ok()) return locked.error();
    state = *std::move(locked);
  }
  return operate::salvage(loaded->settings, file, to, [&shell](const storage::SalvagedTable& table) {
    if (!shell.json) print_table(table);
  });
}

int salvage(const Shell& shell, const std::string& file, const std::string& to) {
  auto salvaged = salvage_into(shell, file, to);
  if (!salvaged.ok()) return shell.fail(salvaged.error());
  Json tables = Json::object();
  for (const storage::SalvagedTable& table : salvaged->tables) {
    Json lost = Json::array();
    for (const storage::LostRows& one : table.lost)
      lost.push_back({{"rows", one.rows == 0 ? Json(nullptr) : Json(one.rows)},
                      {"first", one.first},
                      {"last", one.last}});
    tables[table.name] = {{"rows", table.rows}, {"lost", lost}, {"why", table.why}};
  }
  if (shell.json)
    print_json({{"to", to}, {"whole", salvaged->whole()}, {"tables", tables}, {"notes", salvaged->notes}});
  if (salvaged->whole()) return shell.json ? kOk : shell.done("saved whole in " + for_display(to), "");
  if (!shell.json)
    for (const std::string& note : salvaged->notes) print_line(for_display(note));
  return shell.fail(Error{ErrorCode::kDamaged, "saved in " + to + " without the rows that are lost"});
}

// Only the running server knows.
int counters(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return shell.fail(loaded.error());
  auto answer = admin::call(loaded->settings.admin_socket(), {"counters", {}});
  if (!answer.ok()) return shell.fail(answer.error());
  if (shell.json) {
    print_line(*answer);
    return kOk;
  }
  for (const auto& [name, count] : Json::parse(*answer).items()) print_line(name + " " + count.dump());
  return kOk;
}

}  // namespace

void add_storage(Shell& shell) {
  CLI::App* noun = shell.noun(
      "storage", "the database: make, check, migrate, back up, restore, salvage, copy, reopen, count");
  shell.verb(noun, "init", "make the tables in an empty database; `serve` does it, too",
             "  essaim storage init",
             [&shell] { return with_any(shell, [&](Site& site) { return init(shell, site); }); });
  shell.verb(noun, "check", "is the database sound, and set up so that what is acknowledged is kept",
             "  essaim storage check",
             [&shell] { return with_any(shell, [&](Site& site) { return check(shell, site); }); });
  shell.verb(noun, "migrate", "bring the schema to the newest version; `serve` does it, too",
             "  essaim storage migrate",
             [&shell] { return with_any(shell, [&](Site& site) { return migrate(shell, site); }); });
  shell.verb(noun, "counters", "statements and commits of the running server since it started",
             "  essaim storage counters --json", [&shell] { return counters(shell); });
  auto making = std::make_shared<BackupOptions>();
  CLI::App* verb =
      shell.verb(noun, "backup", "copy the database, consistent, also while the server runs",
                 "  essaim storage backup /var/backups/essaim-$(date +%F).db\n"
                 "  essaim storage backup /var/backups/essaim-$(date +%F).db --every 1d",
                 [&shell, making] {
                   return with_any(shell, [&](Site& site) { return back_up(shell, site, *making); });
                 });
  verb->add_option("FILE", making->file, "a new file")->required();
  verb->add_option("--every", making->every,
                   "for timers: the next one comes within this time, and an alert says if not; 0s: none is "
                   "expected any more")
      ->type_name("TIME");
  auto backup = std::make_shared<std::string>();
  shell
      .verb(
          noun, "restore",
          "put a backup in the place of the database file, while no server runs. What was there is set aside "
          "with its "
          "log and its journal, and all delivery is suspended, for what waited then may have gone out since",
          "  essaim storage restore /var/backups/essaim-2026-11-22.db",
          [&shell, backup] { return restore(shell, *backup); })
      ->add_option("FILE", *backup, "as `storage backup` made it")
      ->required();
  struct Files {
    std::string from, to;
  };
  auto files = std::make_shared<Files>();
  verb = shell.verb(
      noun, "salvage",
      "save what can be read of a damaged database file into a new one, while no server runs. Says of each "
      "table how many "
      "rows there are and which are lost, and what follows from that; the exit status is 1 if any is",
      "  essaim storage salvage /var/lib/essaim/essaim.db /var/lib/essaim/saved.db",
      [&shell, files] { return salvage(shell, files->from, files->to); });
  verb->add_option("FILE", files->from, "the damaged one")->required();
  verb->add_option("NEW", files->to, "a new file")->required();
  auto url = std::make_shared<std::string>();
  auto password_file = std::make_shared<std::string>();
  verb = shell.verb(
      noun, "copy",
      "copy all into another, empty database, while no server runs: from one machine to a cluster, or a "
      "backup back to where it came from. No server starts on this one any more, but it may be copied again. "
      "What an interrupted copy left there is done anew",
      "  essaim storage copy mariadb://essaim@db1,db2,db3/essaim --password-file "
      "/etc/essaim/database-password",
      [&shell, url, password_file] {
        return with_any(shell, [&](Site& site) { return copy(shell, site, *url, *password_file); });
      });
  verb->add_option("URL", *url, "the target, as in storage.url")->required();
  verb->add_option("--password-file", *password_file, "as storage.password_file, for the target")
      ->type_name("FILE");
  shell.verb(noun, "reopen",
             "let servers start again on a database that was copied to another one, which is given up",
             "  essaim storage reopen",
             [&shell] { return with_any(shell, [&](Site& site) { return reopen(shell, site); }); });
}

}  // namespace essaim::smtpd::cli
