#include "storage/foreign.h"
#include "storage/mariadb/mariadb_connection.h"

namespace essaim::storage {

Result<std::string> MariadbConnection::first_value(const ForeignQuestion& question) {
  std::string sql = question.texts.front();
  for (std::size_t i = 0; i < question.values.size(); ++i) {
    const std::string& value = question.values[i];
    std::string quoted(value.size() * 2 + 1, '\0');
    quoted.resize(mysql_real_escape_string(handle_, quoted.data(), value.data(), value.size()));
    sql += "'" + quoted + "'" + question.texts[i + 1];
  }
  const auto error = [&] {
    return failed(mysql_errno(handle_), mysql_error(handle_), question.texts.front());
  };
  if (mysql_real_query(handle_, sql.data(), sql.size()) != 0) return error();
  MYSQL_RES* rows = mysql_store_result(handle_);
  if (rows == nullptr) return mysql_errno(handle_) != 0 ? error() : Result<std::string>(std::string());
  std::string out;
  if (MYSQL_ROW row = mysql_fetch_row(rows); row != nullptr && row[0] != nullptr)
    out.assign(row[0], mysql_fetch_lengths(rows)[0]);
  mysql_free_result(rows);
  return out;
}

Result<std::string> ask_foreign_mariadb(const MariadbUrl& url, const std::string& password,
                                        const ForeignQuestion& question) {
  HostChoice choice(url.hosts.size());
  auto connection = MariadbConnection::open(url, password, choice, nullptr);
  if (!connection.ok()) return connection.error();
  return (*connection)->first_value(question);
}

}  // namespace essaim::storage
