// essaim storage: the database itself.
#include <CLI/CLI.hpp>

#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "storage/schema.h"

namespace essaim::smtpd::cli {
namespace {

int with_any(const Shell& shell, const std::function<int(Site&)>& command) {
  auto site = Site::open_any_version(shell);
  if (!site.ok()) return shell.fail(site.error());
  return command(**site);
}

int check(const Shell& shell, Site& site) {
  auto version = storage::schema_version(site.database());
  if (!version.ok()) return shell.fail(version.error());
  const auto sound = site.database().check();
  const bool newest = *version == storage::newest_schema_version();
  if (shell.json) {
    print_json({{"url", site.settings().database_url},
                {"schema", *version},
                {"newest_schema", storage::newest_schema_version()},
                {"ok", sound.ok() && newest},
                {"problem", sound.ok() ? "" : sound.error().message}});
    return sound.ok() && newest ? kOk : kFailed;
  }
  print_line("database  " + for_display(site.settings().database_url));
  print_line("schema    " + std::to_string(*version) + (newest ? " (newest)" : ""));
  if (!sound.ok()) return shell.fail(sound.error());
  if (!newest) {
    const auto why = storage::require_newest(site.database());
    return shell.fail(Error{ErrorCode::kConflict, why.ok() ? "not the newest schema" : why.error().message});
  }
  print_line("sound     yes");
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
  CLI::App* noun = shell.noun("storage", "the database: check, migrate, back up, count");
  shell.verb(noun, "check", "is the database sound, and set up so that what is acknowledged is kept",
             "  essaim storage check",
             [&shell] { return with_any(shell, [&](Site& site) { return check(shell, site); }); });
  shell.verb(noun, "migrate", "bring the schema to the newest version; `serve` does it, too",
             "  essaim storage migrate",
             [&shell] { return with_any(shell, [&](Site& site) { return migrate(shell, site); }); });
  shell.verb(noun, "counters", "statements and commits of the running server since it started",
             "  essaim storage counters --json", [&shell] { return counters(shell); });
  auto file = std::make_shared<std::string>();
  shell
      .verb(noun, "backup", "copy the database, consistent, also while the server runs",
            "  essaim storage backup /var/backups/essaim-$(date +%F).db",
            [&shell, file] {
              return with_any(shell, [&](Site& site) {
                const auto done = site.database().backup(*file);
                if (!done.ok()) return shell.fail(done.error());
                return shell.done("written to " + for_display(*file), json_text({{"file", *file}}));
              });
            })
      ->add_option("FILE", *file, "a new file")
      ->required();
}

}  // namespace essaim::smtpd::cli
