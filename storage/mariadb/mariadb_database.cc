#include "storage/mariadb/mariadb_database.h"

#include <algorithm>
#include <array>

#include "storage/copy.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr int kRepeats = 5;

// A variable of the server that the promise rests on. `wanted` are the values that keep it.
struct Variable {
  const char* name;
  std::array<std::string_view, 2> wanted;
  const char* meaning;
};

constexpr std::array kVariables = {
    Variable{"innodb_flush_log_at_trx_commit", {"1", "1"}, "the log is synced at each COMMIT"},
    Variable{"innodb_doublewrite", {"ON", "ON"}, "no torn page after power loss"},
    Variable{"innodb_force_recovery", {"0", "0"}, "the server is in its normal state"},
    Variable{"read_only", {"OFF", "OFF"}, "it can be written to"},
};

std::string name_of(const MariadbHost& host) {
  return host.name + ":" + std::to_string(host.port);
}

std::vector<std::string> names_of(const std::vector<MariadbHost>& hosts) {
  std::vector<std::string> names;
  for (const MariadbHost& host : hosts) names.push_back(name_of(host));
  return names;
}

}  // namespace

MariadbDatabase::MariadbDatabase(const DatabaseOptions& options, MariadbUrl url)
    : url_(std::move(url)),
      password_(options.password),
      choice_(names_of(url_.hosts)),
      readers_(url_.describe(), options.readers, [this] { return connect(nullptr); }),
      writer_(
          url_.describe(), [this] { return connect(writer_.statements()); }, kRepeats) {}

Result<std::unique_ptr<Database>> MariadbDatabase::open(const DatabaseOptions& options) {
  auto url = parse_mariadb_url(options.url);
  if (!url.ok()) return url.error();
  if (const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.reply_timeout).count();
      seconds > 0)
    url->timeout = std::min(url->timeout, static_cast<int>(seconds));
  url->idle_limit = std::max(
      1, static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(options.idle_limit).count()));
  mysql_library_init(0, nullptr, nullptr);
  std::unique_ptr<MariadbDatabase> database(new MariadbDatabase(options, std::move(*url)));
  ESSAIM_TRY(database->writer_.open());
  database->writer_.start();
  database->readers_.start();
  return std::unique_ptr<Database>(std::move(database));
}

Result<std::unique_ptr<EngineConnection>> MariadbDatabase::connect(std::atomic<std::uint64_t>* statements) {
  auto opened = MariadbConnection::open(url_, password(), choice_, statements);
  if (!opened.ok()) return opened.error();
  clustered_.store((*opened)->clustered());
  return std::unique_ptr<EngineConnection>(std::move(*opened));
}

std::vector<Database::Host> MariadbDatabase::hosts() {
  std::vector<Host> out;
  if (url_.hosts.size() < 2) return out;
  for (const MariadbHost& host : url_.hosts) {
    const auto works = MariadbConnection::try_host(url_, host, password());
    out.push_back({name_of(host), works.ok() ? "" : works.error().message});
  }
  return out;
}

std::string MariadbDatabase::password() const {
  const std::lock_guard lock(password_mutex_);
  return password_;
}

void MariadbDatabase::set_password(const std::string& password) {
  const std::lock_guard lock(password_mutex_);
  password_ = password;
}

Result<void> MariadbDatabase::backup(const std::string& file) {
  return copy_to_file(*this, file);
}

Result<void> MariadbDatabase::check() {
  return read_now([this](Connection& connection) -> Result<void> {
    std::string tables;
    auto names =
        sql::texts(connection.prepare("SELECT table_name FROM information_schema.tables WHERE table_schema = "
                                      "DATABASE() AND table_type = 'BASE TABLE'"));
    if (!names.ok()) return names.error();
    for (const std::string& name : *names) tables += std::string(tables.empty() ? "`" : ", `") + name + "`";
    if (tables.empty()) return {};
    auto statement = sql::prepare(connection, "CHECK TABLE " + tables + " QUICK");
    std::string found;
    const auto look_at = [&found](Statement& row) {
      const std::string kind = sql::text(row, 2), text = sql::text(row, 3);
      if ((kind == "error" || (kind == "status" && text != "OK")) && found.size() < 2000)
        found += std::string(found.empty() ? "" : "; ") + sql::text(row, 0) + ": " + text;
    };
    ESSAIM_TRY(sql::each(statement, look_at));
    if (found.empty()) return {};
    return Error{ErrorCode::kDamaged, "database " + url_.describe() + ": " + found};
  });
}

Result<void> MariadbDatabase::check_settings() {
  return write_now(Durability::kAccept, [this](Connection& connection) -> Result<void> {
    std::string wrong;
    const auto value_of = [&connection](const char* name) -> Result<std::string> {
      auto statement = sql::prepare(connection, "SELECT CAST(@@GLOBAL." + std::string(name) + " AS CHAR)");
      if (!statement.ok()) return statement.error();
      auto row = (*statement)->step();
      if (!row.ok()) return row.error();
      std::string value = *row ? sql::text(**statement, 0) : std::string();
      return value;
    };
    const auto require = [&](const Variable& variable) -> Result<void> {
      auto value = value_of(variable.name);
      if (!value.ok()) return value.error();
      std::string plain = *value;
      if ((plain == "0" || plain == "1") && (variable.wanted[0] == "ON" || variable.wanted[0] == "OFF"))
        plain = plain == "1" ? "ON" : "OFF";
      if (plain == variable.wanted[0] || plain == variable.wanted[1]) return {};
      wrong += std::string(wrong.empty() ? "" : "; ") + variable.name + " is " + plain + ", not " +
               std::string(variable.wanted[0]) + " (" + variable.meaning + ")";
      return {};
    };
    for (const Variable& variable : kVariables) ESSAIM_TRY(require(variable));
    auto log = value_of("log_bin");
    if (!log.ok()) return log.error();
    if (*log == "1") {
      ESSAIM_TRY(require({"sync_binlog", {"1", "1"}, "the binary log is synced at each COMMIT"}));
      ESSAIM_TRY(require({"binlog_format", {"ROW", "MIXED"}, "replicas get the rows that were changed"}));
    }
    // A member of a cluster: one that was cut off from it would go on with what is old.
    auto wsrep = value_of("wsrep_on");
    if (!wsrep.ok()) return wsrep.error();
    if (*wsrep == "1") {
      ESSAIM_TRY(
          require({"wsrep_dirty_reads", {"OFF", "OFF"}, "who is cut off from the cluster answers nothing"}));
      ESSAIM_TRY(
          require({"wsrep_osu_method", {"TOI", "TOI"}, "changes of tables are made on all members alike"}));
    }
    auto packet = value_of("max_allowed_packet");
    if (!packet.ok()) return packet.error();
    if (std::atoll(packet->c_str()) < (4LL << 20))
      wrong +=
          std::string(wrong.empty() ? "" : "; ") + "max_allowed_packet is " + *packet + ", less than 4 MB";
    if (wrong.empty()) return {};
    return Error{ErrorCode::kInvalid, "database " + url_.describe() + ": " + wrong};
  });
}

}  // namespace essaim::storage
