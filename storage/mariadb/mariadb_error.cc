#include "storage/mariadb/mariadb_error.h"

#include <errmsg.h>
#include <mysqld_error.h>

namespace essaim::storage {

namespace {

ErrorCode error_code(unsigned number) {
  switch (number) {
    case ER_DUP_ENTRY:
    case ER_DUP_ENTRY_WITH_KEY_NAME:
      return ErrorCode::kExists;
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_CHECKREAD:  // innodb_snapshot_isolation: the row has changed since
      return ErrorCode::kTemporary;
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_OUT_OF_RESOURCES:
    case ER_OUTOFMEMORY:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_CON_COUNT_ERROR:
    case CR_OUT_OF_MEMORY:
      return ErrorCode::kExhausted;
    case ER_CRASHED_ON_USAGE:
    case ER_NOT_KEYFILE:
    case ER_TABLE_CORRUPT:
      return ErrorCode::kDamaged;
    case ER_DATA_TOO_LONG:
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
    case ER_WARN_DATA_OUT_OF_RANGE:
    case ER_BAD_NULL_ERROR:
    case ER_NET_PACKET_TOO_LARGE:
    case ER_ACCESS_DENIED_ERROR:
    case ER_DBACCESS_DENIED_ERROR:
    case ER_BAD_DB_ERROR:
      return ErrorCode::kInvalid;
    case ER_UNKNOWN_COM_ERROR:  // a node of a cluster that is not, or no longer, part of it
    case ER_SERVER_SHUTDOWN:
    case ER_CONNECTION_KILLED:
    case ER_QUERY_INTERRUPTED:
    case ER_OPTION_PREVENTS_STATEMENT:  // read_only
      return ErrorCode::kIo;
    default:
      return number >= CR_MIN_ERROR && number <= CR_MAX_ERROR ? ErrorCode::kIo : ErrorCode::kInternal;
  }
}

const char* advice(unsigned number) {
  switch (number) {
    case ER_ACCESS_DENIED_ERROR:
      return " (user or password: see storage.password_file, a file read at the start and at a reload)";
    case ER_DBACCESS_DENIED_ERROR:
    case ER_BAD_DB_ERROR:
      return " (create the database and grant the user all privileges on it)";
    case ER_NET_PACKET_TOO_LARGE:
      return " (raise the server's max_allowed_packet)";
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
      return " (the database server's disk is full)";
    default:
      return "";
  }
}

}  // namespace

Error mariadb_error(unsigned number, const char* text, const std::string& database, std::string_view doing) {
  return {error_code(number), "database " + database + ": " + std::string(doing.substr(0, 120)) + ": " +
                                  text + " [" + std::to_string(number) + "]" + advice(number)};
}

Error mariadb_commit_error(unsigned number, const char* text, const std::string& database) {
  Error error = mariadb_error(number, text, database, "COMMIT");
  if (std::string_view(text).find("writeset size") != std::string_view::npos)
    error.message += " (raise the cluster's wsrep_max_ws_size)";
  // An answer that says the transaction was rolled back is an answer. Without one it may have happened.
  if (error.code != ErrorCode::kTemporary && error.code != ErrorCode::kExists)
    error.code = ErrorCode::kUnknownOutcome;
  return error;
}

}  // namespace essaim::storage
