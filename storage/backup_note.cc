#include "storage/backup_note.h"

#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/base/text.h"
#include "storage/directory_store.h"

namespace essaim::storage {
namespace {

// Milliseconds, with a blank between: last, every, due, begun.
constexpr const char* kValue = "backup";

std::chrono::milliseconds millis_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Result<void> keep(Connection& connection, const BackupNote& note) {
  std::string value;
  for (const std::int64_t number : {to_millis(note.last), std::int64_t{millis_of(note.every).count()},
                                    to_millis(note.due), to_millis(note.begun)})
    value += (value.empty() ? "" : " ") + std::to_string(number);
  return SiteStore(connection).set(kValue, value);
}

WallTime next_after(WallTime time, Duration every) {
  return every > Duration{} ? time + millis_of(every) : WallTime{};
}

}  // namespace

Result<BackupNote> backup_note(Connection& connection) {
  auto value = SiteStore(connection).get(kValue);
  if (!value.ok()) return value.error();
  BackupNote note;
  const std::string kept = value->value_or("");
  const std::vector<std::string_view> words = split(kept, ' ');
  std::array<std::int64_t, 4> numbers{};
  if (words.size() != numbers.size()) return note;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string_view word = words[i];
    const auto read = std::from_chars(word.data(), word.data() + word.size(), numbers[i]);
    if (read.ec != std::errc() || read.ptr != word.data() + word.size()) return note;
  }
  note.last = from_millis(numbers[0]);
  note.every = std::chrono::milliseconds(numbers[1]);
  note.due = from_millis(numbers[2]);
  note.begun = from_millis(numbers[3]);
  return note;
}

Result<void> begin_backup(Connection& connection, WallTime now, std::optional<Duration> every) {
  auto note = backup_note(connection);
  if (!note.ok()) return note.error();
  note->begun = now;
  if (every && *every > Duration{}) {
    note->every = *every;
    if (note->due == WallTime{}) note->due = now;
  }
  return keep(connection, *note);
}

Result<void> note_backup(Connection& connection, WallTime begun, std::optional<Duration> every) {
  auto note = backup_note(connection);
  if (!note.ok()) return note.error();
  note->last = begun;
  if (every) note->every = *every;
  note->due = next_after(begun, note->every);
  return keep(connection, *note);
}

Result<void> renew_backup_note(Connection& connection, WallTime now) {
  auto note = backup_note(connection);
  if (!note.ok()) return note.error();
  if (note->due == WallTime{}) return {};
  note->due = next_after(now, note->every);
  return keep(connection, *note);
}

}  // namespace essaim::storage
