#include "storage/text_store.h"

#include <algorithm>

#include "core/base/random.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

TextRecord text_from(Statement& row) {
  TextRecord text;
  text.owner = row.integer(0);
  text.kind = static_cast<TextKind>(row.integer(1));
  text.name = sql::text(row, 2);
  text.changed = sql::time(row, 3);
  text.by = sql::text(row, 4);
  text.text = sql::text(row, 5);
  return text;
}

Result<std::vector<TextRecord>> records(const Result<Statement*>& statement, const TextScope& scope) {
  auto out = sql::rows(statement, text_from);
  if (!out.ok()) return out;
  const auto distance = [&scope](Id owner) { return owner == 0 ? 2 : owner == scope.list_id ? 0 : 1; };
  std::stable_sort(out->begin(), out->end(), [&](const TextRecord& a, const TextRecord& b) {
    return std::pair(a.name, distance(a.owner)) < std::pair(b.name, distance(b.owner));
  });
  return out;
}

}  // namespace

Result<void> TextStore::mark(const TextScope& scope) {
  const auto fresh = static_cast<std::int64_t>(random_u64() >> 2) + 1;
  if (scope.list_id != 0) {
    ESSAIM_TRY(sql::run(connection_, "UPDATE list SET policy = ? WHERE id = ?", fresh, scope.list_id));
  } else if (scope.domain_id != 0) {
    ESSAIM_TRY(sql::run(connection_, "UPDATE domain SET policy = ? WHERE id = ?", fresh, scope.domain_id));
  } else {
    ESSAIM_TRY(sql::run(connection_, "UPDATE domain SET policy = ?", fresh));
  }
  return {};
}

Result<void> TextStore::set(const TextRecord& text, const TextScope& scope) {
  auto changed = sql::run(connection_,
                          "UPDATE site_text SET content = ?, changed = ?, changed_by = ? "
                          "WHERE owner_id = ? AND kind = ? AND name = ?",
                          text.text, text.changed, text.by, text.owner, text.kind, text.name);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) {
    ESSAIM_TRY(sql::run(connection_,
                        "INSERT INTO site_text (owner_id, kind, name, content, changed, changed_by) VALUES "
                        "(?, ?, ?, ?, ?, ?)",
                        text.owner, text.kind, text.name, text.text, text.changed, text.by));
  }
  return mark(scope);
}

Result<bool> TextStore::remove(Id owner, TextKind kind, const std::string& name, const TextScope& scope) {
  auto removed = sql::run(connection_, "DELETE FROM site_text WHERE owner_id = ? AND kind = ? AND name = ?",
                          owner, kind, name);
  if (!removed.ok()) return removed.error();
  if (*removed == 0) return false;
  ESSAIM_TRY(mark(scope));
  return true;
}

Result<std::optional<TextRecord>> TextStore::find(Id owner, TextKind kind, const std::string& name) {
  auto found =
      records(sql::prepare(connection_,
                           "SELECT owner_id, kind, name, changed, changed_by, content FROM site_text "
                           "WHERE owner_id = ? AND kind = ? AND name = ?",
                           owner, kind, name),
              {});
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<TextRecord>();
  return std::optional<TextRecord>(std::move(found->front()));
}

Result<std::vector<TextRecord>> TextStore::of_all_levels(TextKind kind, const std::string& name,
                                                         const TextScope& scope) {
  return records(sql::prepare(connection_,
                              "SELECT owner_id, kind, name, changed, changed_by, content FROM site_text "
                              "WHERE owner_id IN (0, ?, ?) AND kind = ? AND name = ?",
                              scope.domain_id, scope.list_id, kind, name),
                 scope);
}

Result<std::optional<TextRecord>> TextStore::nearest(TextKind kind, const std::string& name,
                                                     const TextScope& scope) {
  auto found = of_all_levels(kind, name, scope);
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<TextRecord>();
  return std::optional<TextRecord>(std::move(found->front()));
}

Result<void> TextStore::for_each(const std::function<void(const TextRecord&)>& each) {
  return sql::each(
      connection_.prepare("SELECT owner_id, kind, name, changed, changed_by, content FROM site_text "
                          "ORDER BY owner_id, kind, name"),
      [&each](Statement& row) { each(text_from(row)); });
}

Result<std::vector<TextRecord>> TextStore::names(TextKind kind, const TextScope& scope) {
  return records(sql::prepare(connection_,
                              "SELECT owner_id, kind, name, changed, changed_by, '' FROM site_text "
                              "WHERE owner_id IN (0, ?, ?) AND kind = ?",
                              scope.domain_id, scope.list_id, kind),
                 scope);
}

Result<std::vector<TextRecord>> TextStore::with_word(TextKind kind, const std::string& word) {
  return records(sql::prepare(connection_,
                              "SELECT owner_id, kind, name, changed, changed_by, '' FROM site_text "
                              "WHERE kind = ? AND INSTR(content, ?) > 0",
                              kind, word),
                 {});
}

}  // namespace essaim::storage
