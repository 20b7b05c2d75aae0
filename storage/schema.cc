#include "storage/schema.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/crash_point.h"
#include "core/base/text.h"
#include "storage/schema_lock.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// Times are milliseconds since 1970, 0 for none. Texts that are keys are compared by octets. What differs
// between the engines is written in braces and replaced by for_dialect().
constexpr std::string_view kFirst = R"sql(
CREATE TABLE site_value (name {key} NOT NULL PRIMARY KEY, value BLOB NOT NULL);

CREATE TABLE node (
  number INTEGER NOT NULL PRIMARY KEY, hostname {key} NOT NULL UNIQUE, epoch INTEGER NOT NULL, started INTEGER NOT NULL);

CREATE TABLE domain (
  id INTEGER NOT NULL PRIMARY KEY, name {key} NOT NULL UNIQUE, settings TEXT NOT NULL, created INTEGER NOT NULL);

CREATE TABLE list (
  id INTEGER NOT NULL PRIMARY KEY, domain_id INTEGER NOT NULL, local {key} NOT NULL, state INTEGER NOT NULL,
  revision INTEGER NOT NULL, settings TEXT NOT NULL, created INTEGER NOT NULL, UNIQUE (domain_id, local));

CREATE TABLE member (
  list_id INTEGER NOT NULL, role INTEGER NOT NULL, domain {key} NOT NULL, local_key {key} NOT NULL,
  id INTEGER NOT NULL, local TEXT NOT NULL, name TEXT NOT NULL, delivery INTEGER NOT NULL,
  joined_rev INTEGER NOT NULL, left_rev INTEGER NOT NULL, since INTEGER NOT NULL,
  bounces INTEGER NOT NULL, last_bounce TEXT NOT NULL, last_bounce_at INTEGER NOT NULL,
  PRIMARY KEY (list_id, role, domain, local_key)) {clustered};
CREATE UNIQUE INDEX member_id ON member (id);
CREATE INDEX member_left ON member (list_id, left_rev) {where_left};

CREATE TABLE post (
  id INTEGER NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, list_id INTEGER NOT NULL, list_address TEXT NOT NULL,
  list_revision INTEGER NOT NULL, sender TEXT NOT NULL, author TEXT NOT NULL, message_id TEXT NOT NULL,
  subject TEXT NOT NULL, size INTEGER NOT NULL, client TEXT NOT NULL, accepted INTEGER NOT NULL,
  expires INTEGER NOT NULL, priority INTEGER NOT NULL, mode INTEGER NOT NULL, envelope_sender TEXT NOT NULL,
  private_header TEXT NOT NULL, eight_bit INTEGER NOT NULL, expanded INTEGER NOT NULL, cursor_domain TEXT NOT NULL,
  cursor_local TEXT NOT NULL, batches INTEGER NOT NULL, recipients INTEGER NOT NULL, held INTEGER NOT NULL,
  held_reason TEXT NOT NULL, finished INTEGER NOT NULL);
CREATE INDEX post_accepted ON post (accepted);
CREATE INDEX post_message_id ON post (message_id{prefix});
CREATE INDEX post_list ON post (list_id, finished);
CREATE INDEX post_finished ON post (finished, expanded);

CREATE TABLE rendering (
  post_id INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (post_id, seq));

CREATE TABLE seen (
  list_id INTEGER NOT NULL, seen_key {keyblob} NOT NULL, post_id INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (list_id, seen_key)) {clustered};
CREATE INDEX seen_at ON seen (at);

CREATE TABLE batch (
  post_id INTEGER NOT NULL, number INTEGER NOT NULL, first_key TEXT NOT NULL, last_key TEXT NOT NULL,
  total INTEGER NOT NULL, recipients BLOB NOT NULL, PRIMARY KEY (post_id, number));

CREATE TABLE batch_state (
  post_id INTEGER NOT NULL, number INTEGER NOT NULL, queue INTEGER NOT NULL, priority INTEGER NOT NULL,
  order_rank INTEGER NOT NULL, due INTEGER NOT NULL, destination TEXT NOT NULL, owner INTEGER NOT NULL,
  epoch INTEGER NOT NULL, attempts INTEGER NOT NULL, delivered INTEGER NOT NULL, failed INTEGER NOT NULL,
  suppressed INTEGER NOT NULL, pending INTEGER NOT NULL, last_outcome INTEGER NOT NULL, why TEXT NOT NULL,
  progress BLOB NOT NULL, PRIMARY KEY (post_id, number));
CREATE INDEX batch_claim ON batch_state (queue, priority, order_rank, post_id, number);
CREATE INDEX batch_due ON batch_state (queue, due);

CREATE TABLE suspension (
  destination {key} NOT NULL PRIMARY KEY, reason TEXT NOT NULL, since INTEGER NOT NULL, until_time INTEGER NOT NULL);

CREATE TABLE job (
  name {key} NOT NULL PRIMARY KEY, started INTEGER NOT NULL, finished INTEGER NOT NULL, succeeded INTEGER NOT NULL,
  result TEXT NOT NULL, node INTEGER NOT NULL);
)sql";

constexpr std::string_view kSecond = R"sql(
ALTER TABLE post ADD COLUMN smtputf8 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE post ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE post ADD COLUMN dsn_ret TEXT NOT NULL DEFAULT '';
ALTER TABLE post ADD COLUMN dsn_envelope_id TEXT NOT NULL DEFAULT '';
ALTER TABLE post ADD COLUMN dsn_notify TEXT NOT NULL DEFAULT '';
ALTER TABLE post ADD COLUMN dsn_original_recipient TEXT NOT NULL DEFAULT '';
ALTER TABLE post ADD COLUMN reports INTEGER NOT NULL DEFAULT 0;

ALTER TABLE rendering RENAME TO rendering_1;
CREATE TABLE rendering (
  post_id INTEGER NOT NULL, form INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (post_id, form, seq));
INSERT INTO rendering (post_id, form, seq, data) SELECT post_id, 0, seq, data FROM rendering_1;
DROP TABLE rendering_1;

ALTER TABLE suspension RENAME TO suspension_1;
CREATE TABLE suspension (
  scope INTEGER NOT NULL, subject {key} NOT NULL, reason TEXT NOT NULL, since INTEGER NOT NULL,
  until_time INTEGER NOT NULL, PRIMARY KEY (scope, subject));
INSERT INTO suspension (scope, subject, reason, since, until_time)
  SELECT 0, destination, reason, since, until_time FROM suspension_1;
DROP TABLE suspension_1;
)sql";

constexpr std::string_view kThird = R"sql(
CREATE TABLE report_due (post_id INTEGER NOT NULL PRIMARY KEY, due INTEGER NOT NULL);
CREATE INDEX report_due_at ON report_due (due);
)sql";

// Nodes that share the database: beats, leases and states; what was delivered by a node that had lost the batch.
constexpr std::string_view kFourth = R"sql(
ALTER TABLE node ADD COLUMN beat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN state INTEGER NOT NULL DEFAULT 2;
ALTER TABLE node ADD COLUMN version {key} NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN demand TEXT NOT NULL DEFAULT '';
ALTER TABLE batch_state ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
CREATE TABLE late_outcome (
  post_id INTEGER NOT NULL, number INTEGER NOT NULL, node INTEGER NOT NULL, epoch INTEGER NOT NULL,
  progress BLOB NOT NULL, PRIMARY KEY (post_id, number, node, epoch));
)sql";

// Policies of MTA-STS that were fetched, and what came of TLS by policy and host.
constexpr std::string_view kFifth = R"sql(
CREATE TABLE sts_policy (
  domain {key} NOT NULL PRIMARY KEY, policy_id TEXT NOT NULL, policy TEXT NOT NULL, fetched INTEGER NOT NULL,
  expires INTEGER NOT NULL);
CREATE INDEX sts_policy_fetched ON sts_policy (fetched);

CREATE TABLE tls_result (
  day INTEGER NOT NULL, node INTEGER NOT NULL, domain {key} NOT NULL, result_key {keyblob} NOT NULL,
  policy_type TEXT NOT NULL, policy TEXT NOT NULL, result TEXT NOT NULL, mx_host TEXT NOT NULL,
  receiving_ip TEXT NOT NULL, sending_ip TEXT NOT NULL, detail TEXT NOT NULL, sessions INTEGER NOT NULL,
  PRIMARY KEY (day, node, domain, result_key)) {clustered};
)sql";

// DKIM keys, and why a post went out as it did.
constexpr std::string_view kSixth = R"sql(
CREATE TABLE dkim_key (
  domain {key} NOT NULL, selector {key} NOT NULL, algorithm TEXT NOT NULL, sealed BLOB NOT NULL, record TEXT NOT NULL,
  state INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (domain, selector));
ALTER TABLE post ADD COLUMN explanation TEXT NOT NULL DEFAULT '';
)sql";

// What sites write, what waits for somebody, how often somebody was answered.
constexpr std::string_view kSeventh = R"sql(
CREATE TABLE site_text (
  owner_id INTEGER NOT NULL, kind INTEGER NOT NULL, name {key} NOT NULL, content TEXT NOT NULL, changed INTEGER NOT NULL,
  changed_by TEXT NOT NULL, PRIMARY KEY (owner_id, kind, name));
ALTER TABLE list ADD COLUMN policy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN policy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN conceal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN privileged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN lang {key} NOT NULL DEFAULT '';
CREATE INDEX member_person ON member (domain, local_key);

CREATE TABLE held (
  id INTEGER NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, state INTEGER NOT NULL, answer_key {key} NOT NULL UNIQUE,
  list_id INTEGER NOT NULL, list_address {key} NOT NULL, subject_key TEXT NOT NULL, sender TEXT NOT NULL, author TEXT NOT NULL,
  message_id TEXT NOT NULL, subject TEXT NOT NULL, size INTEGER NOT NULL, client TEXT NOT NULL, rule_name TEXT NOT NULL,
  details TEXT NOT NULL, held INTEGER NOT NULL, expires INTEGER NOT NULL, remind INTEGER NOT NULL, decided INTEGER NOT NULL,
  decided_by TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX held_list ON held (list_id, state);
CREATE INDEX held_expires ON held (state, expires);
CREATE INDEX held_decided ON held (state, decided);
CREATE TABLE held_message (
  held_id INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (held_id, seq));

CREATE TABLE answered (
  address {key} NOT NULL, hour_number INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (address, hour_number));
CREATE INDEX answered_hour ON answered (hour_number);
)sql";

// Who left, when and how.
constexpr std::string_view kEighth = R"sql(
CREATE TABLE departure (
  member_id INTEGER NOT NULL PRIMARY KEY, list_address {key} NOT NULL, address TEXT NOT NULL, how TEXT NOT NULL,
  client TEXT NOT NULL, left_at INTEGER NOT NULL);
CREATE INDEX departure_list ON departure (list_address, left_at);
CREATE INDEX departure_time ON departure (left_at);
)sql";

// Who may submit mail, and how often logins failed lately: by account and network, either of them "" for all.
constexpr std::string_view kNinth = R"sql(
CREATE TABLE account (
  name {key} NOT NULL PRIMARY KEY, password TEXT NOT NULL, scram TEXT NOT NULL, addresses TEXT NOT NULL,
  may_relay INTEGER NOT NULL, disabled INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL);

CREATE TABLE login_failure (
  account {key} NOT NULL, network {key} NOT NULL, slot INTEGER NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (account, network, slot)) {clustered};
CREATE INDEX login_failure_slot ON login_failure (slot);
)sql";

// What the sender of a post asks of TLS (RFC 8689).
constexpr std::string_view kTenth = R"sql(
ALTER TABLE post ADD COLUMN tls_request INTEGER NOT NULL DEFAULT 0;
)sql";

// Indexes that each accepted post paid for: nothing asks for a list's posts by post_list any more, and of the batches only
// those that wait are looked for by their time. (Without the queue in front the planner would take batch_claim.)
constexpr std::string_view kEleventh = R"sql(
DROP INDEX post_list{of post};
{sqlite}DROP INDEX batch_due;
{sqlite}CREATE INDEX batch_due ON batch_state (queue, due) WHERE queue = 2;
)sql";

// Every post paid for its places in `seen` and in the index by Message-ID, whose keys come in no order: a page of the log each.
// With SQLite it comes into them when it is settled; until then its row has the key (unsettled_keys.h), and those that wait
// are read one by one (PostStore::search).
constexpr std::string_view kTwelfth = R"sql(
ALTER TABLE post ADD COLUMN seen_key BLOB NOT NULL DEFAULT '';
{sqlite}DROP INDEX post_message_id;
{sqlite}CREATE INDEX post_message_id ON post (message_id) WHERE finished > 0;
{sqlite}DROP INDEX post_accepted;
{sqlite}CREATE INDEX post_accepted ON post (accepted) WHERE finished > 0;
)sql";

// Whether a node drains, also while it is down.
constexpr std::string_view kThirteenth = R"sql(
ALTER TABLE node ADD COLUMN drains INTEGER NOT NULL DEFAULT 0;
)sql";

// The id of a membership that goes on under another address, in the row of its earlier one.
constexpr std::string_view kFourteenth = R"sql(
ALTER TABLE member ADD COLUMN moved_to INTEGER NOT NULL DEFAULT 0;
)sql";

// Who has submitted a post with a login.
constexpr std::string_view kFifteenth = R"sql(
ALTER TABLE post ADD COLUMN account TEXT NOT NULL DEFAULT '';
)sql";

// What waits about the same thing, which each request looks for. What it is about stands in front: by the list in front the
// planner would take this index, too, where what waits is asked for in its order.
constexpr std::string_view kSixteenth = R"sql(
CREATE INDEX held_subject ON held (subject_key{prefix}, list_id, kind, state);
)sql";

// How members have posts is more than whether they have them: `readers` is Reception of those that a post is for. What waits to
// be sent together: a row for each post of a list with digests, until one has it; and the number of the list's last digest.
constexpr std::string_view kSeventeenth = R"sql(
ALTER TABLE post ADD COLUMN readers INTEGER NOT NULL DEFAULT 0;
CREATE TABLE digest_post (
  list_id INTEGER NOT NULL, post_id INTEGER NOT NULL, added INTEGER NOT NULL, PRIMARY KEY (list_id, post_id)) {clustered};
CREATE INDEX digest_post_id ON digest_post (post_id);
CREATE TABLE digest (list_id INTEGER NOT NULL PRIMARY KEY, number INTEGER NOT NULL, made INTEGER NOT NULL);
)sql";

// Whose copies come back: on how many days (the last one by its number), and who gets no more for it, with the Reception of before.
constexpr std::string_view kEighteenth = R"sql(
CREATE TABLE bouncer (
  member_id INTEGER NOT NULL PRIMARY KEY, list_id INTEGER NOT NULL, days INTEGER NOT NULL, since INTEGER NOT NULL,
  last_day INTEGER NOT NULL, stopped INTEGER NOT NULL, reception INTEGER NOT NULL);
CREATE INDEX bouncer_list ON bouncer (list_id, member_id);
)sql";

struct Step {
  std::string_view statements;
  int works_with;  // the oldest version of a program that can go on beside it
};
// Step i brings version i to i + 1. Never change one that was released; add one. Programs learnt to go on beside newer
// versions with version 4.
constexpr std::array kSteps = {Step{kFirst, 1},      Step{kSecond, 2},      Step{kThird, 3},
                               Step{kFourth, 4},     Step{kFifth, 4},       Step{kSixth, 4},
                               Step{kSeventh, 4},    Step{kEighth, 4},      Step{kNinth, 4},
                               Step{kTenth, 4},      Step{kEleventh, 4},    Step{kTwelfth, 4},
                               Step{kThirteenth, 4}, Step{kFourteenth, 4},  Step{kFifteenth, 4},
                               Step{kSixteenth, 4},  Step{kSeventeenth, 4}, Step{kEighteenth, 4}};

// How the engines write what stands in the steps. MariaDB commits at each change of a table, so its statements must bear
// being repeated after a crash; texts are octets there, because what comes by mail need not be UTF-8.
struct Wording {
  std::string_view text, sqlite, mariadb;
};
constexpr std::array kWordings = {
    Wording{"{clustered}", "WITHOUT ROWID", ""},
    Wording{"{where_left}", "WHERE left_rev > 0", ""},
    Wording{"{of post}", "", " ON post"},
    Wording{"{prefix}", "", "(191)"},
    Wording{" TEXT ", " TEXT ", " MEDIUMBLOB "},
    Wording{" BLOB ", " BLOB ", " LONGBLOB "},
    Wording{"{key}", "TEXT", "VARBINARY(512)"},
    Wording{"{keyblob}", "BLOB", "VARBINARY(64)"},
    Wording{" INTEGER ", " INTEGER ", " BIGINT "},
    Wording{"CREATE TABLE ", "CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "},
    Wording{"CREATE INDEX ", "CREATE INDEX ", "CREATE INDEX IF NOT EXISTS "},
    Wording{"CREATE UNIQUE INDEX ", "CREATE UNIQUE INDEX ", "CREATE UNIQUE INDEX IF NOT EXISTS "},
    Wording{"ALTER TABLE ", "ALTER TABLE ", "ALTER TABLE IF EXISTS "},
    Wording{"ADD COLUMN ", "ADD COLUMN ", "ADD COLUMN IF NOT EXISTS "},
    Wording{"DROP TABLE ", "DROP TABLE ", "DROP TABLE IF EXISTS "},
    Wording{"DROP INDEX ", "DROP INDEX ", "DROP INDEX IF EXISTS "},
    Wording{"INSERT INTO ", "INSERT INTO ", "INSERT IGNORE INTO "},
};

// Lines for one engine only, which has indexes of some rows.
constexpr std::string_view kSqliteOnly = "{sqlite}";

std::string for_dialect(std::string_view step, Dialect dialect) {
  std::string sql(step);
  if (dialect != Dialect::kSqlite) {
    for (std::size_t at = sql.find(kSqliteOnly); at != std::string::npos; at = sql.find(kSqliteOnly, at))
      sql.erase(at, sql.find('\n', at) + 1 - at);
  }
  replace_all(&sql, kSqliteOnly, "");
  for (const Wording& one : kWordings)
    replace_all(&sql, one.text, dialect == Dialect::kSqlite ? one.sqlite : one.mariadb);
  return sql;
}

Result<int> version_in(Connection& connection) {
  const std::string_view tables =
      connection.dialect() == Dialect::kSqlite
          ? "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
          : "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_name = 'meta'";
  auto present = sql::number(connection, 0, tables);
  if (!present.ok()) return present.error();
  if (*present == 0) return 0;
  auto version = sql::number(connection, 0, "SELECT value FROM meta WHERE name = 'schema-version'");
  if (!version.ok()) return version.error();
  return static_cast<int>(*version);
}

// The oldest program that can work with the first `steps` steps.
int works_with(std::size_t steps) {
  int oldest = 0;
  for (std::size_t i = 0; i < steps; ++i) oldest = std::max(oldest, kSteps[i].works_with);
  return oldest;
}

// Whether this program can work with a database that is newer than it knows.
Result<bool> is_compatible(Connection& connection, int version) {
  auto oldest = sql::number(connection, version, "SELECT value FROM meta WHERE name = 'works-with'");
  if (!oldest.ok()) return oldest.error();
  return *oldest <= newest_schema_version();
}

Error too_new(int version) {
  return {ErrorCode::kInvalid, "the database has schema version " + std::to_string(version) +
                                   ", newer than this program's " + std::to_string(newest_schema_version()) +
                                   ": use the newer program, or restore a backup made before the upgrade"};
}

Result<void> make_version_table(Connection& connection) {
  const std::string table = for_dialect(
      "CREATE TABLE meta (name {key} NOT NULL PRIMARY KEY, value INTEGER NOT NULL)", connection.dialect());
  ESSAIM_TRY(connection.execute(table));
  for (const char* name : {"schema-version", "schema-statement", kSchemaLock}) {
    ESSAIM_TRY(sql::run(connection,
                        std::string(connection.insert_ignore()) + " meta (name, value) VALUES (?, 0)", name));
  }
  return {};
}

// One statement after the other, noting how far it got: where each change of a table is a commit of its own, a crash
// leaves a step in its middle. What was under way is repeated.
Result<void> run_statements(Connection& connection, const std::string& step) {
  auto done = sql::number(connection, 0, "SELECT value FROM meta WHERE name = 'schema-statement'");
  if (!done.ok()) return done.error();
  std::int64_t number = 0;
  for (std::size_t at = 0; at < step.size();) {
    const std::size_t end = std::min(step.size(), step.find(";\n", at));
    const std::string statement = step.substr(at, end - at);
    at = end + 2;
    if (statement.find_first_not_of(" \n") == std::string::npos) continue;
    if (number++ < *done) continue;
    ESSAIM_TRY(connection.execute(statement));
    ESSAIM_TRY(sql::run(connection, "UPDATE meta SET value = ? WHERE name = 'schema-statement'", number));
  }
  ESSAIM_TRY(sql::run(connection, "UPDATE meta SET value = 0 WHERE name = 'schema-statement'"));
  return {};
}

Result<void> apply(Connection& connection, int step) {
  if (step == 0 && connection.dialect() == Dialect::kSqlite) ESSAIM_TRY(make_version_table(connection));
  const std::string statements =
      for_dialect(kSteps[static_cast<std::size_t>(step)].statements, connection.dialect());
  ESSAIM_TRY(connection.dialect() == Dialect::kSqlite ? connection.execute(statements)
                                                      : run_statements(connection, statements));
  auto changed = sql::run(connection, "UPDATE meta SET value = ? WHERE name = 'schema-version' AND value = ?",
                          step + 1, step);
  if (!changed.ok()) return changed.error();
  if (*changed != 1) return Error{ErrorCode::kConflict, "the schema was changed by somebody else meanwhile"};
  ESSAIM_TRY(sql::run(connection, "DELETE FROM meta WHERE name = 'works-with'"));
  ESSAIM_TRY(sql::run(connection, "INSERT INTO meta (name, value) VALUES ('works-with', ?)",
                      works_with(static_cast<std::size_t>(step) + 1)));
  ESSAIM_CRASH_POINT("migration.before-commit");
  return {};
}

}  // namespace

int newest_schema_version() {
  return static_cast<int>(kSteps.size());
}

Result<int> schema_version(Database& database) {
  return database.read_now(version_in);
}

Result<void> migrate(Database& database, int target) {
  auto before = schema_version(database);
  if (!before.ok()) return before.error();
  bool on_server = false;
  SchemaLock lock(database);
  if (*before < target) {
    ESSAIM_TRY(database.write_now(Durability::kAccept, [&on_server](Connection& connection) {
      on_server = connection.dialect() == Dialect::kMariadb;
      return on_server ? make_version_table(connection) : Result<void>();
    }));
    if (on_server) ESSAIM_TRY(lock.acquire());
  }
  for (bool more = true; more;) {
    ESSAIM_TRY(
        database.write_now(Durability::kAccept, [&more, target](Connection& connection) -> Result<void> {
          auto version = version_in(connection);
          if (!version.ok()) return version.error();
          if (*version > newest_schema_version()) {
            auto compatible = is_compatible(connection, *version);
            if (!compatible.ok()) return compatible.error();
            if (!*compatible) return too_new(*version);
          }
          more = *version < target;
          if (!more) return {};
          return apply(connection, *version);
        }));
    ESSAIM_TRY(lock.renew());
  }
  return {};
}

namespace {

// What all steps together leave.
std::set<std::string> newest_tables() {
  std::set<std::string> tables;
  for (const Step& step : kSteps)
    for (const std::string_view statement : split(step.statements, ';')) {
      std::vector<std::string_view> words;
      for (const std::string_view line : split(statement, '\n'))
        for (const std::string_view word : split(line, ' '))
          if (!word.empty()) words.push_back(word);
      if (words.size() < 3 || words[1] != "TABLE") continue;
      if (words[0] == "CREATE") tables.emplace(words[2]);
      if (words[0] == "DROP") tables.erase(std::string(words[2]));
      if (words[0] == "ALTER" && words.size() > 5 && words[3] == "RENAME") {
        tables.erase(std::string(words[2]));
        tables.emplace(words[5]);
      }
    }
  return tables;
}

// Somebody may have dropped one.
Result<void> require_tables(Connection& connection) {
  const auto names = sql::texts(connection.prepare(
      connection.dialect() == Dialect::kSqlite
          ? "SELECT name FROM sqlite_master WHERE type = 'table'"
          : "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"));
  if (!names.ok()) return names.error();
  std::string missing;
  for (const std::string& table : newest_tables())
    if (std::find(names->begin(), names->end(), table) == names->end())
      missing += (missing.empty() ? "" : ", ") + table;
  if (missing.empty()) return {};
  return Error{ErrorCode::kInvalid,
               "the database lacks tables: " + missing + ": restore a backup (docs/operating.md)"};
}

}  // namespace

Result<void> require_newest(Database& database) {
  auto version = schema_version(database);
  if (!version.ok()) return version.error();
  if (*version > newest_schema_version()) {
    bool compatible = false;
    ESSAIM_TRY(database.read_now([&](Connection& connection) -> Result<void> {
      auto found = is_compatible(connection, *version);
      if (found.ok()) compatible = *found;
      return found.ok() ? Result<void>() : found.error();
    }));
    if (!compatible) return too_new(*version);
  }
  if (*version < newest_schema_version()) {
    return Error{ErrorCode::kInvalid, "the database has schema version " + std::to_string(*version) +
                                          " and needs " + std::to_string(newest_schema_version()) +
                                          ": run `essaim storage migrate`"};
  }
  auto unfinished = copy_unfinished(database);
  if (!unfinished.ok()) return unfinished.error();
  if (*unfinished) {
    return Error{
        ErrorCode::kInvalid,
        "a copy into this database was interrupted: run `essaim storage copy` again, which begins anew"};
  }
  return database.read_now(Work(require_tables));
}

Result<bool> copy_unfinished(Database& database) {
  bool unfinished = false;
  ESSAIM_TRY(database.read_now([&unfinished](Connection& connection) -> Result<void> {
    auto mark = sql::number(connection, 0, "SELECT value FROM meta WHERE name = 'copy-unfinished'");
    if (!mark.ok()) return mark.error();
    unfinished = *mark != 0;
    return {};
  }));
  return unfinished;
}

Result<void> set_copy_unfinished(Database& database, bool unfinished) {
  return database.write_now(Durability::kAccept, [unfinished](Connection& connection) -> Result<void> {
    ESSAIM_TRY(sql::run(connection, "DELETE FROM meta WHERE name = 'copy-unfinished'"));
    if (unfinished)
      ESSAIM_TRY(sql::run(connection, "INSERT INTO meta (name, value) VALUES ('copy-unfinished', 1)"));
    return {};
  });
}

}  // namespace essaim::storage
