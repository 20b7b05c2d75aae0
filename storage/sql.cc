#include "storage/sql.h"

#include <nlohmann/json.hpp>

namespace essaim::storage::sql {

std::string update_some(Connection& connection, const std::string& table, const std::string& assignments,
                        const std::string& condition, std::int64_t rows) {
  const std::string update = "UPDATE " + table + " SET " + assignments + " WHERE ";
  const std::string these = condition + " LIMIT " + std::to_string(rows);
  if (connection.dialect() != Dialect::kSqlite) return update + these;
  return update + "rowid IN (SELECT rowid FROM " + table + " WHERE " + these + ")";
}

std::string delete_some(Connection& connection, const std::string& table, const std::string& key,
                        const std::string& condition, std::int64_t rows) {
  const std::string these = " WHERE " + condition + " LIMIT " + std::to_string(rows);
  if (connection.dialect() != Dialect::kSqlite) return "DELETE FROM " + table + these;
  return "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + these + ")";
}

Result<std::vector<Id>> ids(const Result<Statement*>& statement) {
  return rows(statement, [](Statement& row) { return Id{row.integer(0)}; });
}

Result<std::vector<std::string>> texts(const Result<Statement*>& statement) {
  return rows(statement, [](Statement& row) { return text(row, 0); });
}

std::string encode_settings(const std::map<std::string, std::string>& settings) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : settings) object[name] = value;
  // Invalid UTF-8 is replaced: a setting is text.
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::map<std::string, std::string>> decode_settings(std::string_view text) {
  const auto object = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object()) return Error{ErrorCode::kDamaged, "stored settings are not a JSON object"};
  std::map<std::string, std::string> settings;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return Error{ErrorCode::kDamaged, "stored setting '" + name + "' is not a text"};
    settings.emplace(name, value.get<std::string>());
  }
  return settings;
}

}  // namespace essaim::storage::sql
