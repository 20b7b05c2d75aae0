#include "smtpd/operate/restore.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/crash_point.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/user.h"
#include "storage/backup_note.h"
#include "storage/batch_store.h"
#include "storage/copied_away.h"
#include "storage/held_store.h"
#include "storage/node_store.h"
#include "storage/post_store.h"
#include "storage/schema.h"

namespace essaim::smtpd::operate {
namespace {

constexpr std::array kLogEnds = {"-wal", "-shm"};
constexpr mode_t kMode = 0640;
// In which an operator may look at what waits, before anybody is reminded of it.
constexpr std::chrono::hours kNoReminders{24};

Error failed(const std::string& path, const char* doing) {
  return io_error(path + ": " + doing);
}

bool exists(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) == 0;
}

// A descriptor that closes itself.
struct Open {
  explicit Open(int number) : fd(number) {}
  ~Open() {
    if (fd >= 0) close(fd);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  const int fd;
};

Result<void> sync_path(const std::string& path) {
  const Open file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return failed(path, "open");
  return fsync(file.fd) == 0 ? Result<void>() : failed(path, "sync");
}

struct Places {
  std::string file, directory, making, ready, journal;
};

Places places_of(const Settings& settings) {
  Places at;
  at.file = database_place(settings);
  at.directory = std::filesystem::path(at.file).parent_path().string();
  at.making = at.file + ".restoring";
  at.ready = at.file + ".restored";
  at.journal = settings.journal_directory();
  return at;
}

std::string stamp(WallTime time) {
  const std::time_t seconds = to_millis(time) / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

Result<WallTime> changed_at(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return failed(path, "look");
  return from_millis(std::int64_t{about.st_mtim.tv_sec} * 1000);
}

void remove_unready(const Places& at) {
  unlink(at.making.c_str());
  for (const char* const end : kLogEnds) unlink((at.making + end).c_str());
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  const Open source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (source.fd < 0) return failed(from, "open");
  const Open target(open(to.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (target.fd < 0) return failed(to, "create");
  std::string block(1U << 20, '\0');
  for (;;) {
    const ssize_t n = read(source.fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(from, "read");
    if (n == 0) return {};
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = write(target.fd, block.data() + done, static_cast<std::size_t>(n - done));
      if (written < 0 && errno != EINTR) return failed(to, "write");
      if (written > 0) done += written;
    }
  }
}

// What waits begins its lifetime anew: a suspension does not hold back what has expired, and the first claim would fail and
// report what may have been delivered since, as who waits for a decision would be told that there was none. What was being delivered is nobody's: the operator may delete that, too, before a
// server runs.
Result<void> suspend_all(storage::Database& database, const std::string& backup, WallTime of, WallTime now) {
  storage::SuspensionRecord record;
  record.scope = storage::SuspensionScope::kEverything;
  record.reason = "restored from a backup of " + format_iso8601(of) + ": " +
                  std::filesystem::path(backup).filename().string();
  record.since = now;
  return database.write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    ESSAIM_TRY(storage::BatchStore(c).release_others(0));
    ESSAIM_TRY(storage::PostStore(c).renew_lifetimes(now));
    ESSAIM_TRY(storage::HeldStore(c).renew_lifetimes(now, now + kNoReminders));
    ESSAIM_TRY(storage::renew_backup_note(c, now));
    return storage::SuspensionStore(c).suspend(record);
  });
}

// What is no database at all is not one that is damaged. An empty file is one without tables.
Result<void> require_sqlite(const std::string& file) {
  constexpr std::string_view kBegins = "SQLite format 3";
  std::array<char, kBegins.size()> head{};
  const Open opened(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.fd < 0) return failed(file, "open");
  const ssize_t n = read(opened.fd, head.data(), head.size());
  if (n < 0) return failed(file, "read");
  if (n == 0 || std::string_view(head.data(), static_cast<std::size_t>(n)) == kBegins) return {};
  return Error{ErrorCode::kInvalid, "it is not a database"};
}

// Its own database, of a schema that this program knows, sound; then as it is to be served.
Result<void> make_ready(const Settings& settings, const Places& at, const std::string& backup, WallTime now) {
  const auto made = backup_time(backup);
  if (!made.ok()) return made.error();
  ESSAIM_TRY(copy_file(backup, at.making));
  // Of a database that was set aside, and not of a backup.
  struct stat log {};
  if (stat((backup + "-wal").c_str(), &log) == 0 && log.st_size > 0)
    ESSAIM_TRY(copy_file(backup + "-wal", at.making + "-wal"));
  storage::DatabaseOptions options = database_options(settings, "", 1);
  options.url = "sqlite:" + at.making;
  options.create = false;
  ESSAIM_TRY(require_sqlite(at.making));
  auto database = storage::Database::open(options);
  if (!database.ok()) return database.error();
  auto version = storage::schema_version(**database);
  if (!version.ok()) return version.error();
  if (*version == 0) return Error{ErrorCode::kInvalid, "it is no database of Essaim"};
  ESSAIM_TRY((*database)->check());
  ESSAIM_TRY(storage::migrate(**database));
  ESSAIM_TRY(storage::require_newest(**database));
  auto reopened = storage::reopen(**database);  // who restores it means to serve from it
  if (!reopened.ok()) return reopened.error();
  return suspend_all(**database, backup, *made, now);
}

// As the old one has them, or as a new one gets them.
Result<void> set_owner_and_mode(const Settings& settings, const Places& at) {
  struct stat old {};
  if (stat(at.file.c_str(), &old) == 0) {
    if (geteuid() == 0 && lchown(at.making.c_str(), old.st_uid, old.st_gid) != 0)
      return failed(at.making, "change the owner");
    return chmod(at.making.c_str(), old.st_mode & 07777) == 0 ? Result<void>()
                                                              : failed(at.making, "change the mode");
  }
  auto user = user_to_become(settings.user);
  if (!user.ok()) return user.error();
  if (user->has_value() && lchown(at.making.c_str(), (*user)->uid, (*user)->gid) != 0)
    return failed(at.making, "change the owner");
  return chmod(at.making.c_str(), kMode) == 0 ? Result<void>() : failed(at.making, "change the mode");
}

// The time that the names of what is set aside will bear: the copy's own, so that whoever finishes uses the same.
Result<void> set_time(const Places& at, WallTime now) {
  while (exists(at.file + "-" + stamp(now)) || exists(at.journal + "-" + stamp(now)))
    now += std::chrono::seconds(1);
  const timespec seconds{to_millis(now) / 1000, 0};
  const std::array<timespec, 2> times = {seconds, seconds};
  return utimensat(AT_FDCWD, at.making.c_str(), times.data(), 0) == 0 ? Result<void>()
                                                                      : failed(at.making, "set its time");
}

Result<void> commit_to(const Settings& settings, const Places& at, WallTime now) {
  for (const char* const end : kLogEnds) {
    if (exists(at.making + end)) return Error{ErrorCode::kIo, at.making + end + ": it stays after closing"};
  }
  ESSAIM_TRY(set_owner_and_mode(settings, at));
  ESSAIM_TRY(set_time(at, now));
  ESSAIM_TRY(sync_path(at.making));
  ESSAIM_TRY(require_unused(at.file));
  if (rename(at.making.c_str(), at.ready.c_str()) != 0) return failed(at.ready, "rename");
  return sync_path(at.directory);
}

Result<void> set_aside(const std::string& from, const std::string& to, std::vector<std::string>* aside) {
  if (exists(from)) {
    if (exists(to))
      return Error{ErrorCode::kExists, to + ": " + from + " cannot be set aside, it is there already"};
    if (rename(from.c_str(), to.c_str()) != 0) return failed(from, "rename");
  }
  if (exists(to)) aside->push_back(to);
  return {};
}

// An empty one has nothing to tell. One that is aside already is the right one: a start has made another meanwhile.
Result<void> set_journal_aside(const Settings& settings, const Places& at, const std::string& time,
                               std::vector<std::string>* aside) {
  const std::string to = at.journal + "-" + time;
  std::error_code error;
  if (exists(to) || std::filesystem::is_empty(at.journal, error) || error) {
    if (exists(to)) aside->push_back(to);
    return {};
  }
  ESSAIM_TRY(set_aside(at.journal, to, aside));
  ESSAIM_TRY(make_directory(at.journal, settings));
  return sync_path(settings.state);
}

}  // namespace

// SQLite removes a log by its name when its last user closes it: a command that has the old database open would take away
// that of the new one. Each user has a lock on these octets.
Result<void> require_unused(const std::string& name) {
  const Open file(open(name.c_str(), O_RDWR | O_CLOEXEC));
  if (file.fd < 0) return errno == ENOENT ? Result<void>() : failed(name, "open");
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000002;
  lock.l_len = 510;
  if (fcntl(file.fd, F_GETLK, &lock) != 0) return failed(name, "look for locks");
  if (lock.l_type == F_UNLCK) return {};
  return Error{ErrorCode::kConflict,
               name + ": process " + std::to_string(lock.l_pid) + " has it open: end that first"};
}

Result<void> require_no_restore(const Settings& settings) {
  if (settings.database_file().empty()) return {};
  const Places at = places_of(settings);
  if (!exists(at.ready)) return {};
  return Error{ErrorCode::kConflict,
               at.ready + ": a restore of the database was interrupted: start the server, which finishes it"};
}

Result<WallTime> backup_time(const std::string& backup) {
  return changed_at(backup);
}

Result<std::vector<std::string>> finish_restore(const Settings& settings) {
  std::vector<std::string> aside;
  if (settings.database_file().empty()) return aside;
  const Places at = places_of(settings);
  if (!exists(at.ready)) return aside;
  auto when = changed_at(at.ready);
  if (!when.ok()) return when.error();
  const std::string time = stamp(*when), old = at.file + "-" + time;
  // The database before its log: without it a log is nothing, and without the log the database may be garbage.
  ESSAIM_TRY(set_aside(at.file, old, &aside));
  ESSAIM_CRASH_POINT("restore.database-aside");
  for (const char* const end : kLogEnds) ESSAIM_TRY(set_aside(at.file + end, old + end, &aside));
  ESSAIM_TRY(set_journal_aside(settings, at, time, &aside));
  ESSAIM_TRY(sync_path(at.directory));
  ESSAIM_CRASH_POINT("restore.all-aside");
  if (rename(at.ready.c_str(), at.file.c_str()) != 0) return failed(at.file, "rename");
  ESSAIM_TRY(sync_path(at.directory));
  ESSAIM_CRASH_POINT("restore.done");
  return aside;
}

Result<std::vector<std::string>> restore(const Settings& settings, const std::string& backup, WallTime now) {
  if (settings.database_file().empty()) {
    return Error{
        ErrorCode::kInvalid,
        "storage.url names a database on a server, over which nothing is restored: `essaim storage "
        "copy` brings a backup into an empty one (docs/cluster.md), and the server has tools of its own"};
  }
  auto earlier = finish_restore(settings);
  if (!earlier.ok()) return earlier;
  const Places at = places_of(settings);
  std::error_code ignored;
  if (std::filesystem::equivalent(backup, at.file, ignored))
    return Error{ErrorCode::kInvalid, backup + ": this is the database itself"};
  ESSAIM_TRY(make_directory(at.directory, settings));
  ESSAIM_TRY(require_unused(at.file));
  remove_unready(at);
  auto ready = make_ready(settings, at, backup, now);
  if (!ready.ok() && !ready.error().message.starts_with(backup + ": "))
    ready = Error{ready.error().code, backup + ": " + ready.error().message};
  if (ready.ok()) ready = commit_to(settings, at, now);
  if (!ready.ok()) {
    remove_unready(at);
    return ready.error();
  }
  ESSAIM_CRASH_POINT("restore.ready");
  return finish_restore(settings);
}

}  // namespace essaim::smtpd::operate
