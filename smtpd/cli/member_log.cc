// essaim member remove-left: who had left before a restore is taken away again, as the log tells.
#include <cerrno>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "lists/names.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/departure_log.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::smtpd::cli {
namespace {

using operate::DepartureLog;

struct Options {
  std::string file, since;
  bool dry_run = false;
};

// A line at a time: the log of some days may be large.
Result<void> read_log(const std::string& file, DepartureLog* log) {
  std::ifstream opened;
  if (file != "-") {
    errno = 0;
    opened.open(file);
    if (!opened) return io_error(file);
  }
  std::istream& in = file == "-" ? std::cin : opened;
  for (std::string line; std::getline(in, line);) log->take(line);
  if (in.bad()) return Error{ErrorCode::kIo, file + ": cannot be read"};
  if (log->lines() > 0) return {};
  return Error{ErrorCode::kInvalid,
               file +
                   ": no line of it is one of the server's log, which begin with their time (or are JSON): "
                   "journalctl -u essaim -o cat"};
}

// The list that they are a member of, and were then: who has joined again behind the restore stays, though an old log does not
// say so. It has its new name where a renaming was done again first, or is older than the backup.
Result<std::optional<std::string>> membership(Site& site, const DepartureLog::Person& person) {
  const auto address = lists::checked_list(person.list);
  if (!address.ok()) return address.error();
  std::optional<std::string> out;
  ESSAIM_TRY(site.read([&](storage::Connection& connection) -> Result<void> {
    out.reset();
    auto list = storage::DirectoryStore(connection).find_list_or_former(address->local, address->domain);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return {};
    auto member = storage::MemberStore(connection).find((*list)->id, storage::Role::kMember, person.address);
    if (!member.ok()) return member.error();
    if (member->has_value() && format_iso8601((*member)->since) <= person.when) out = (*list)->address();
    return {};
  }));
  return out;
}

// True: they were a member, and are none any more (or would be none).
Result<bool> take_away(Site& site, const DepartureLog::Person& person, bool dry_run) {
  auto list = membership(site, person);
  if (!list.ok()) return list.error();
  if (!list->has_value() || dry_run) return list->has_value();
  auto change = site.admin().remove_member(**list, storage::Role::kMember, person.address);
  if (!change.ok() && change.error().code == ErrorCode::kNotFound) return false;
  if (!change.ok()) return change.error();
  return *change == lists::Change::kDone;
}

void tell_of_the_rest(const DepartureLog& log) {
  const auto tell = [](std::int64_t lines, const char* what) {
    if (lines > 0) print_line(plural(lines, "line") + " " + what);
  };
  tell(log.unread(), "of the log say that somebody left who cannot be read: they stay");
  tell(
      log.together(),
      "of the log say that several people were added together, without their addresses: who had left before, "
      "and was among them, is taken for one who left, and marked above: add them again");
  tell(log.moved(),
       "of the log say that a member has another address, without the one before: both may stay");
  // No command to be pasted: what may stand before an @ means something to a shell.
  for (const std::string& one : log.erased())
    print_line("erased since, and perhaps in the backup (essaim person erase): " + for_display(one));
}

int remove_left(const Shell& shell, const Options& options) {
  auto since = parse_when(options.since, system_clock().wall_now());
  if (!since.ok()) return shell.fail_usage("--since: " + since.error().message);
  DepartureLog log(*since);
  const auto read = read_log(options.file, &log);
  if (!read.ok()) return shell.fail(read.error());
  return with_site(shell, [&](Site& site) {
    std::int64_t removed = 0, none = 0;
    Json people = Json::array();
    for (const DepartureLog::Person& person : log.left()) {
      auto gone = take_away(site, person, options.dry_run);
      if (!gone.ok()) return shell.fail(gone.error());
      (*gone ? removed : none) += 1;
      if (!*gone) continue;
      people.push_back({{"list", person.list},
                        {"address", person.address.to_string()},
                        {"perhaps_back", person.perhaps_back}});
      if (!shell.json)
        print_line(for_display(person.list) + "  " + for_display(person.address.to_string()) +
                   (person.perhaps_back ? "  (unless added again since, with others)" : ""));
    }
    if (!shell.json) tell_of_the_rest(log);
    return shell.done(
        plural(removed, "member") + (options.dry_run ? " would be removed" : " removed") +
            (none > 0 ? ", " + std::to_string(none) + (none == 1 ? " is none" : " are none") + " any more"
                      : ""),
        json_text({{"dry_run", options.dry_run},
                   {"removed", removed},
                   {"none", none},
                   {"people", people},
                   {"unread", log.unread()},
                   {"together", log.together()},
                   {"moved", log.moved()},
                   {"erased", log.erased()}}));
  });
}

}  // namespace

void add_member_log(Shell& shell, CLI::App* member) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = shell.verb(
      member, "remove-left",
      "after a restore: take from the lists again who has left since the backup, as the server's log tells",
      "  essaim member remove-left --log /var/log/essaim.log --since 2026-11-22T03:17:00Z --dry-run\n"
      "  journalctl -u essaim -o cat | essaim member remove-left --log - --since 2026-11-22T03:17:00Z",
      [&shell, options] { return remove_left(shell, *options); });
  verb->add_option("--log", options->file, "the log, text or JSON, oldest first; - is standard input")
      ->type_name("FILE")
      ->required();
  verb->add_option("--since", options->since, "when the backup was made: lines before it say nothing")
      ->type_name("TIME")
      ->required();
  verb->add_flag("--dry-run", options->dry_run, "say who it would be, and change nothing");
}

}  // namespace essaim::smtpd::cli
