#include <memory>

#include "storage/foreign.h"
#include "storage/sqlite/sqlite_error.h"

namespace essaim::storage {
namespace {

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
};

constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's machine

}  // namespace

Result<std::string> ask_foreign_sqlite(const std::string& file, Duration timeout,
                                       const ForeignQuestion& question) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  const std::unique_ptr<sqlite3, Close> handle(raw);
  if (code != SQLITE_OK) return sqlite_error(raw, code, file, "open");
  MonoTime deadline = system_clock().mono_now() + timeout;
  sqlite3_busy_timeout(
      raw, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
  sqlite3_progress_handler(
      raw, kStepsBetweenLooks,
      [](void* until) { return system_clock().mono_now() > *static_cast<MonoTime*>(until) ? 1 : 0; },
      &deadline);
  std::string sql = question.texts.front();
  for (std::size_t i = 0; i < question.values.size(); ++i) sql += "?" + question.texts[i + 1];
  sqlite3_stmt* prepared = nullptr;
  code = sqlite3_prepare_v2(raw, sql.data(), static_cast<int>(sql.size()), &prepared, nullptr);
  const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
  if (code != SQLITE_OK) return sqlite_error(raw, code, file, sql);
  for (std::size_t i = 0; i < question.values.size(); ++i) {
    const std::string& value = question.values[i];
    sqlite3_bind_text(prepared, static_cast<int>(i) + 1, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
  }
  code = sqlite3_step(prepared);
  if (code == SQLITE_DONE) return std::string();
  if (code != SQLITE_ROW) return sqlite_error(raw, code, file, sql);
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(prepared, 0)));
}

}  // namespace essaim::storage
