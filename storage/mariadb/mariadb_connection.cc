#include "storage/mariadb/mariadb_connection.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <errmsg.h>
#include <mysqld_error.h>

#include "storage/database_hosts.h"
#include "storage/fault.h"
#include "storage/mariadb/mariadb_error.h"

namespace essaim::storage {

namespace {

constexpr std::size_t kMaxCached = 256;

// Strict, so that nothing is cut or changed on its way in. READ COMMITTED takes no gap locks, which would make writers
// of different posts wait for each other; connections that read ask for their snapshots.
constexpr std::array kSession = {
    std::string_view(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"),
    std::string_view("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    std::string_view("SET SESSION innodb_lock_wait_timeout = 10"),
    std::string_view("SET SESSION autocommit = 1"),
};

// A transaction that the server rolled back without our hearing of it has lost its savepoint: RELEASE fails, and the
// COMMIT behind it is not run. Seen with Galera: a transaction gave way to another's, every statement after that was
// answered as if nothing had been, and so was the COMMIT. Writers have no autocommit, so that their savepoint begins the
// transaction.
constexpr std::string_view kBegin = "SAVEPOINT whole";
constexpr std::string_view kCommit = "RELEASE SAVEPOINT whole; COMMIT";

// Whether the statement commits by itself what was done before it.
bool changes_schema(std::string_view sql) {
  for (const std::string_view verb : {"CREATE ", "ALTER ", "DROP "})
    if (sql.substr(std::min(sql.find_first_not_of(" \n"), sql.size())).substr(0, verb.size()) == verb)
      return true;
  return false;
}

// By SHOW, which a member of a cluster answers that answers nothing else.
constexpr std::string_view kIsClustered =
    "SHOW GLOBAL VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'";
constexpr std::string_view kRefusesWork =
    "SHOW GLOBAL VARIABLES WHERE (Variable_name = 'read_only' AND Value = 'ON') OR "
    "(Variable_name = 'wsrep_reject_queries' AND Value <> 'NONE')";
constexpr std::string_view kIsOutOfCluster =
    "SHOW GLOBAL STATUS WHERE Variable_name = 'wsrep_ready' AND Value <> 'ON'";
// Waits until the host has applied what the cluster had committed by then: who comes from another host must not find less
// than it knows.
constexpr std::array kCatchUp = {
    std::string_view("SET SESSION wsrep_sync_wait = 1"),
    std::string_view("SELECT 1"),
    std::string_view("SET SESSION wsrep_sync_wait = 0"),
};

// Texts are octets in this schema, and LOWER() leaves octets alone: the stores' LOWER(column) needs to be told that they
// are letters.
std::string with_letters_lowered(std::string_view sql) {
  constexpr std::string_view kLower = "LOWER(";
  std::string out;
  for (;;) {
    const std::size_t at = sql.find(kLower);
    const std::size_t end = at == std::string_view::npos ? at : sql.find(')', at);
    if (end == std::string_view::npos) return out.append(sql);
    const std::size_t column = at + kLower.size();
    out.append(sql.substr(0, column)).append("CONVERT(").append(sql.substr(column, end - column));
    out.append(" USING utf8mb4))");
    sql.remove_prefix(end + 1);
  }
}

// While the others do the work nobody would see that one of them is gone, until the last one is.
void tell_of_failure(HostChoice& choice, std::size_t host, const Error& error) {
  if (choice.failed(host, std::chrono::steady_clock::now())) tell_of_host(error.message);
}

}  // namespace

Result<std::unique_ptr<MariadbConnection>> MariadbConnection::open(const MariadbUrl& url,
                                                                   const std::string& password,
                                                                   HostChoice& choice,
                                                                   std::atomic<std::uint64_t>* statements) {
  if (url.hosts.empty()) {
    auto opened = connect(url, nullptr, password, statements);
    if (opened.ok()) ESSAIM_TRY((*opened)->catch_up());
    return opened;
  }
  Error last{ErrorCode::kInternal, "no database host"};
  // Of each host: the last one alone would send the operator to one of several.
  std::vector<std::string> reasons(url.hosts.size());
  for (const std::size_t host : choice.order(std::chrono::steady_clock::now())) {
    auto opened = connect(url, &url.hosts[host], password, statements);
    if (!opened.ok() && opened.error().code == ErrorCode::kInvalid) return opened;
    const Result<void> works = opened.ok() ? (*opened)->begin_work(url) : Result<void>(opened.error());
    if (works.ok()) {
      (*opened)->choice_ = &choice;
      (*opened)->host_ = host;
      choice.received(host);
      return opened;
    }
    last = works.error();
    reasons[host] = last.message;
    tell_of_failure(choice, host, last);
  }
  std::string all;
  for (const std::string& reason : reasons) all += (all.empty() || reason.empty() ? "" : "; ") + reason;
  if (!all.empty()) last.message = std::move(all);
  return last;
}

Result<void> MariadbConnection::try_host(const MariadbUrl& url, const MariadbHost& host,
                                         const std::string& password) {
  auto opened = connect(url, &host, password, nullptr);
  return opened.ok() ? (*opened)->begin_work(url) : Result<void>(opened.error());
}

// Where there is a choice, a host that takes connections and no work is passed over. One name may stand for many hosts.
Result<void> MariadbConnection::begin_work(const MariadbUrl& url) {
  if (url.hosts.size() > 1) ESSAIM_TRY(takes_work());
  return catch_up();
}

Result<std::unique_ptr<MariadbConnection>> MariadbConnection::connect(
    const MariadbUrl& url, const MariadbHost* host, const std::string& password,
    std::atomic<std::uint64_t>* statements) {
  MYSQL* handle = mysql_init(nullptr);
  if (handle == nullptr) return Error{ErrorCode::kExhausted, "no memory for a database connection"};
  const auto seconds = static_cast<unsigned>(url.timeout);
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const my_bool off = 0;
  const my_bool on = 1;
  mysql_options(handle, MYSQL_OPT_RECONNECT, &off);  // would lose the transaction without a word
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &off);
  if (url.tls != MariadbTls::kOff) {
    mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &on);
    if (!url.ca.empty()) mysql_ssl_set(handle, nullptr, nullptr, url.ca.c_str(), nullptr, nullptr);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, url.tls == MariadbTls::kVerify ? &on : &off);
  }
  const std::string name = host == nullptr ? url.socket : host->name + ":" + std::to_string(host->port);
  const std::string database = url.database + " on " + name;
  // Rows matched, not rows changed, are what the stores count.
  const MYSQL* connected = mysql_real_connect(
      handle, host == nullptr ? nullptr : host->name.c_str(), url.user.c_str(), password.c_str(),
      url.database.c_str(), host == nullptr ? 0 : host->port, host == nullptr ? url.socket.c_str() : nullptr,
      CLIENT_FOUND_ROWS | CLIENT_MULTI_STATEMENTS);
  if (connected == nullptr) {
    Error error = mariadb_error(mysql_errno(handle), mysql_error(handle), database, "connect");
    mysql_close(handle);
    return error;
  }
  std::unique_ptr<MariadbConnection> connection(new MariadbConnection(handle, database, statements));
  connection->idle_limit_ = url.idle_limit;
  ESSAIM_TRY(connection->set_up());
  return connection;
}

Result<void> MariadbConnection::set_up() {
  for (const std::string_view statement : kSession) ESSAIM_TRY(control(statement));
  auto clustered = any_row(kIsClustered);
  if (!clustered.ok()) return clustered.error();
  clustered_ = *clustered;
  return {};
}

Result<void> MariadbConnection::takes_work() {
  const auto passes = [this](std::string_view question, const char* reason) -> Result<void> {
    auto refuses = any_row(question);
    if (!refuses.ok()) return refuses.error();
    if (!*refuses) return {};
    return Error{ErrorCode::kIo, "database " + database_ + ": it takes no work now: " + reason};
  };
  ESSAIM_TRY(passes(kRefusesWork, "read_only or wsrep_reject_queries is set"));
  if (!clustered_) return {};
  return passes(kIsOutOfCluster, "it is out of its cluster (wsrep_ready is OFF)");
}

Result<void> MariadbConnection::catch_up() {
  if (!clustered_) return {};
  for (const std::string_view statement : kCatchUp) ESSAIM_TRY(control(statement));
  return {};
}

Result<bool> MariadbConnection::any_row(std::string_view question) {
  if (mysql_real_query(handle_, question.data(), question.size()) != 0)
    return failed(mysql_errno(handle_), mysql_error(handle_), question);
  MYSQL_RES* rows = mysql_store_result(handle_);
  const bool any = rows != nullptr && mysql_num_rows(rows) > 0;
  mysql_free_result(rows);
  return any;
}

MariadbConnection::~MariadbConnection() {
  cache_.clear();
  mysql_close(handle_);
  if (choice_ != nullptr) choice_->left(host_);
}

Error MariadbConnection::failed(unsigned number, const char* text, std::string_view doing) {
  Error error = noted(mariadb_error(number, text, database_, doing));
  if (error.code == ErrorCode::kTemporary || error.code == ErrorCode::kIo) {
    // Some errors give up the statement only, and what was done before it is of no use without it: the next transaction would
    // take it in. Where the server has rolled back, or the connection is gone, this does nothing.
    mysql_real_query(handle_, "ROLLBACK", 8);
    in_transaction_ = false;
  }
  return error;
}

Error MariadbConnection::noted(Error error) {
  lost_ = lost_ || error.code == ErrorCode::kIo;
  if (choice_ != nullptr && is_serious(error.code)) tell_of_failure(*choice_, host_, error);
  return error;
}

Result<Statement*> MariadbConnection::prepare(std::string_view sql) {
  if (const auto found = cache_.find(std::string(sql)); found != cache_.end()) {
    found->second->renew();
    return found->second.get();
  }
  MYSQL_STMT* handle = mysql_stmt_init(handle_);
  if (handle == nullptr) return Error{ErrorCode::kExhausted, "no memory for a statement"};
  const std::string text = with_letters_lowered(sql);
  if (mysql_stmt_prepare(handle, text.data(), text.size()) != 0) {
    Error error = failed(mysql_stmt_errno(handle), mysql_stmt_error(handle), sql);
    mysql_stmt_close(handle);
    return error;
  }
  auto statement = std::make_unique<MariadbStatement>(*this, handle, std::string(sql));
  statement->renew();
  Statement* raw = statement.get();
  cache_.emplace(std::string(sql), std::move(statement));
  return raw;
}

Result<void> MariadbConnection::execute(std::string_view sql) {
  if (auto fault = FaultPlan::check(FaultPlan::Where::kStatement)) return *fault;
  if (statements_ != nullptr) statements_->fetch_add(1, std::memory_order_relaxed);
  settle();
  ESSAIM_TRY(control(sql));
  return in_transaction_ && changes_schema(sql) ? control(kBegin) : Result<void>();
}

// A query that cannot be sent is -1, as is the end of the results.
bool MariadbConnection::run_all(std::string_view sql) {
  if (mysql_real_query(handle_, sql.data(), sql.size()) != 0) return false;
  for (;;) {
    if (MYSQL_RES* rows = mysql_store_result(handle_)) mysql_free_result(rows);
    if (const int code = mysql_next_result(handle_); code != 0) return code < 0;
  }
}

Result<void> MariadbConnection::control(std::string_view sql) {
  if (run_all(sql)) return {};
  return failed(mysql_errno(handle_), mysql_error(handle_), sql);
}

Result<void> MariadbConnection::begin_reading() {
  if (!reads_) ESSAIM_TRY(control("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  reads_ = true;
  ESSAIM_TRY(control("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
  in_transaction_ = true;
  return {};
}

// The host waits until it has applied what the cluster had committed when it was asked.
Result<void> MariadbConnection::begin_reading_latest() {
  if (!clustered_) return begin_reading();
  ESSAIM_TRY(control("SET SESSION wsrep_sync_wait = 1"));
  Result<void> begun = begin_reading();
  if (begun.ok()) return control("SET SESSION wsrep_sync_wait = 0");
  static_cast<void>(control("SET SESSION wsrep_sync_wait = 0"));
  return begun;
}

Result<void> MariadbConnection::begin_writing(Durability) {
  // So that nothing is kept of statements that come after the loss of their transaction.
  if (!writes_) {
    ESSAIM_TRY(control("SET SESSION autocommit = 0"));
    ESSAIM_TRY(limit_silence());
  }
  writes_ = true;
  ESSAIM_TRY(control(kBegin));
  in_transaction_ = true;
  return {};
}

// By default a server keeps the locks of a client that has vanished or is frozen until TCP or its wait_timeout notices, which
// are hours. To us a connection that ended so is one that was lost: what was not committed is run again.
Result<void> MariadbConnection::limit_silence() {
  const std::string limit = std::to_string(idle_limit_);
  // The first is for one that has written; the second also for one that has locked rows and not changed them yet.
  return control("SET SESSION idle_write_transaction_timeout = " + limit + ", idle_transaction_timeout = " +
                 limit + ", net_read_timeout = " + limit + ", net_write_timeout = " + limit);
}

Result<void> MariadbConnection::commit() {
  if (auto fault = FaultPlan::check(FaultPlan::Where::kBeforeCommit)) return *fault;
  // The server would say yes to a COMMIT of nothing.
  if (!in_transaction_)
    return Error{ErrorCode::kTemporary, "database " + database_ + ": COMMIT without a transaction"};
  in_transaction_ = false;
  const bool done = run_all(kCommit);
  if (!done && mysql_errno(handle_) == ER_SP_DOES_NOT_EXIST) {
    ESSAIM_TRY(control("ROLLBACK"));
    return Error{ErrorCode::kTemporary,
                 "database " + database_ + ": the transaction was lost before its COMMIT"};
  }
  if (!done) return noted(mariadb_commit_error(mysql_errno(handle_), mysql_error(handle_), database_));
  if (auto fault = FaultPlan::check(FaultPlan::Where::kAfterCommit)) return *fault;
  return {};
}

Result<void> MariadbConnection::roll_back() {
  in_transaction_ = false;
  return control("ROLLBACK");
}

void MariadbConnection::settle() {
  for (auto& [sql, statement] : cache_) statement->reset();
  if (cache_.size() > kMaxCached) cache_.clear();
}

}  // namespace essaim::storage
