#include <cstring>

#include "core/base/check.h"
#include "storage/fault.h"
#include "storage/mariadb/mariadb_connection.h"
#include "storage/mariadb/mariadb_error.h"

namespace essaim::storage {

namespace {

bool is_integer(enum_field_types type) {
  switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DECIMAL:  // SUM() of integers
    case MYSQL_TYPE_NEWDECIMAL:
      return true;
    default:
      return false;
  }
}

}  // namespace

MariadbStatement::MariadbStatement(MariadbConnection& connection, MYSQL_STMT* handle, std::string sql)
    : connection_(connection),
      handle_(handle),
      sql_(std::move(sql)),
      binds_(mysql_stmt_param_count(handle)),
      parameters_(binds_.size()) {}

MYSQL_BIND* MariadbStatement::parameter(int index) {
  if (running_) reset();
  if (index < 1 || static_cast<std::size_t>(index) > binds_.size()) {
    bind_error_ = true;
    return nullptr;
  }
  MYSQL_BIND& bind = binds_[static_cast<std::size_t>(index) - 1];
  std::memset(&bind, 0, sizeof bind);
  return &bind;
}

Statement& MariadbStatement::bind(int index, std::int64_t value) {
  if (MYSQL_BIND* bind = parameter(index)) {
    Parameter& kept = parameters_[static_cast<std::size_t>(index) - 1];
    kept.number = value;
    bind->buffer_type = MYSQL_TYPE_LONGLONG;
    bind->buffer = &kept.number;
  }
  return *this;
}

Statement& MariadbStatement::bind_blob(int index, std::string_view value) {
  if (MYSQL_BIND* bind = parameter(index)) {
    Parameter& kept = parameters_[static_cast<std::size_t>(index) - 1];
    kept.bytes.assign(value);
    kept.length = value.size();
    bind->buffer_type = MYSQL_TYPE_BLOB;
    bind->buffer = kept.bytes.data();
    bind->buffer_length = value.size();
    bind->length = &kept.length;
  }
  return *this;
}

void MariadbStatement::renew() {
  reset();
  for (std::size_t i = 0; i < binds_.size(); ++i) {
    std::memset(&binds_[i], 0, sizeof binds_[i]);
    binds_[i].buffer_type = MYSQL_TYPE_NULL;
    // What a large value took is given back; the usual ones keep their room.
    if (parameters_[i].bytes.capacity() > 64U << 10) std::string().swap(parameters_[i].bytes);
  }
  bind_error_ = false;
}

void MariadbStatement::reset() {
  if (!running_) return;
  mysql_stmt_free_result(handle_);
  running_ = false;
}

Error MariadbStatement::error() {
  return connection_.failed(mysql_stmt_errno(handle_), mysql_stmt_error(handle_), sql_);
}

Result<void> MariadbStatement::execute() {
  if (auto fault = FaultPlan::check(FaultPlan::Where::kStatement)) return *fault;
  if (bind_error_) return Error{ErrorCode::kInternal, "a parameter that does not exist was bound: " + sql_};
  if (connection_.statements_ != nullptr) connection_.statements_->fetch_add(1, std::memory_order_relaxed);
  if (!binds_.empty() && mysql_stmt_bind_param(handle_, binds_.data()) != 0) return error();
  if (mysql_stmt_execute(handle_) != 0) return error();
  return {};
}

Result<void> MariadbStatement::bind_columns() {
  MYSQL_RES* names = mysql_stmt_result_metadata(handle_);
  if (names == nullptr) return Error{ErrorCode::kInternal, "a statement without rows was stepped: " + sql_};
  columns_.assign(mysql_num_fields(names), Column{});
  results_.assign(columns_.size(), MYSQL_BIND{});
  const MYSQL_FIELD* fields = mysql_fetch_fields(names);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    MYSQL_BIND& bind = results_[i];
    column.number = is_integer(fields[i].type);
    bind.is_null = &column.null;
    bind.length = &column.length;
    if (column.number) {
      bind.buffer_type = MYSQL_TYPE_LONGLONG;
      bind.buffer = &column.value;
    } else {
      // Without a buffer the length alone is told; text() fetches.
      bind.buffer_type = MYSQL_TYPE_BLOB;
    }
  }
  mysql_free_result(names);
  if (mysql_stmt_bind_result(handle_, results_.data()) != 0) return error();
  return {};
}

Result<bool> MariadbStatement::step() {
  if (!running_) {
    ESSAIM_TRY(execute());
    if (columns_.empty()) ESSAIM_TRY(bind_columns());
    if (mysql_stmt_store_result(handle_) != 0) return error();
    running_ = true;
  }
  const int code = mysql_stmt_fetch(handle_);
  if (code == MYSQL_NO_DATA) {
    reset();
    return false;
  }
  if (code != 0 && code != MYSQL_DATA_TRUNCATED) return error();
  for (Column& column : columns_) column.fetched = false;
  return true;
}

Result<std::int64_t> MariadbStatement::run() {
  reset();
  ESSAIM_TRY(execute());
  const my_ulonglong rows = mysql_stmt_affected_rows(handle_);
  return static_cast<std::int64_t>(rows);
}

std::int64_t MariadbStatement::integer(int column) {
  Column& c = columns_.at(static_cast<std::size_t>(column));
  if (c.null != 0) return 0;
  ESSAIM_CHECK(c.number);
  return c.value;
}

std::string_view MariadbStatement::text(int column) {
  const auto at = static_cast<std::size_t>(column);
  Column& c = columns_.at(at);
  if (c.null != 0) return {};
  ESSAIM_CHECK(!c.number);
  if (!c.fetched) {
    c.bytes.resize(c.length);
    if (c.length > 0) {
      MYSQL_BIND bind{};
      unsigned long length = 0;
      bind.buffer_type = MYSQL_TYPE_BLOB;
      bind.buffer = c.bytes.data();
      bind.buffer_length = c.bytes.size();
      bind.length = &length;
      ESSAIM_CHECK(mysql_stmt_fetch_column(handle_, &bind, static_cast<unsigned>(column), 0) == 0);
    }
    c.fetched = true;
  }
  return c.bytes;
}

bool MariadbStatement::is_null(int column) {
  return columns_.at(static_cast<std::size_t>(column)).null != 0;
}

}  // namespace essaim::storage
