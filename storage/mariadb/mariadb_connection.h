// One connection to a MariaDB server with its cache of prepared statements, in the binary protocol. Blocking, so only for
// database threads; one thread at a time. Rows of a statement are fetched whole at its first step, so that several may
// be read at the same time, as the stores do.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <mysql.h>

#include "storage/engine/engine_connection.h"
#include "storage/mariadb/host_choice.h"
#include "storage/mariadb/mariadb_url.h"

namespace essaim::storage {

struct ForeignQuestion;
class MariadbConnection;

class MariadbStatement : public Statement {
 public:
  MariadbStatement(MariadbConnection& connection, MYSQL_STMT* handle, std::string sql);
  ~MariadbStatement() override { mysql_stmt_close(handle_); }
  MariadbStatement(const MariadbStatement&) = delete;
  MariadbStatement& operator=(const MariadbStatement&) = delete;

  Statement& bind(int index, std::int64_t value) override;
  Statement& bind_text(int index, std::string_view value) override { return bind_blob(index, value); }
  Statement& bind_blob(int index, std::string_view value) override;
  Result<bool> step() override;
  Result<std::int64_t> run() override;
  std::int64_t integer(int column) override;
  std::string_view text(int column) override;
  bool is_null(int column) override;

  void renew();  // reset, nothing bound
  void reset();

 private:
  struct Parameter {
    std::int64_t number = 0;
    std::string bytes;
    unsigned long length = 0;
  };
  struct Column {
    bool number = false;  // comes as one of the integer types
    std::int64_t value = 0;
    my_bool null = 0;
    unsigned long length = 0;
    std::string bytes;  // fetched at the first look
    bool fetched = false;
  };
  MYSQL_BIND* parameter(int index);
  Result<void> execute();
  Result<void> bind_columns();
  Error error();

  MariadbConnection& connection_;
  MYSQL_STMT* handle_;
  const std::string sql_;
  std::vector<MYSQL_BIND> binds_;
  std::vector<Parameter> parameters_;
  std::vector<MYSQL_BIND> results_;
  std::vector<Column> columns_;
  bool running_ = false;  // has rows that were not fetched
  bool bind_error_ = false;
};

class MariadbConnection : public EngineConnection {
 public:
  // To the first host of the URL, in the order of `choice`, that answers and can be written to. The connection tells `choice`
  // when the host fails it, so it must outlive it. `statements` counts what works run; may be null.
  static Result<std::unique_ptr<MariadbConnection>> open(const MariadbUrl& url, const std::string& password,
                                                         HostChoice& choice,
                                                         std::atomic<std::uint64_t>* statements);
  // Whether open() would take this one of several hosts.
  static Result<void> try_host(const MariadbUrl& url, const MariadbHost& host, const std::string& password);
  ~MariadbConnection() override;
  MariadbConnection(const MariadbConnection&) = delete;
  MariadbConnection& operator=(const MariadbConnection&) = delete;

  Result<Statement*> prepare(std::string_view sql) override;
  Result<void> execute(std::string_view sql) override;
  Dialect dialect() const override { return Dialect::kMariadb; }

  Result<void> begin_reading() override;
  Result<void> begin_reading_latest() override;
  Result<void> begin_writing(Durability durability) override;  // every COMMIT is synced by the server
  Result<void> set_savepoint() override { return control("SAVEPOINT work"); }
  Result<void> release_savepoint() override { return control("RELEASE SAVEPOINT work"); }
  Result<void> roll_back_to_savepoint() override { return control("ROLLBACK TO SAVEPOINT work"); }
  Result<void> commit() override;
  Result<void> roll_back() override;
  bool in_transaction() const override { return in_transaction_; }
  bool lost() const override { return lost_; }
  void settle() override;

  // The engine's own statements: neither counted nor made to fail by a FaultPlan.
  Result<void> control(std::string_view sql);
  // Of a SELECT to a database that is not ours, see foreign.h.
  Result<std::string> first_value(const ForeignQuestion& question);
  bool clustered() const { return clustered_; }  // the host is a member of a Galera cluster

 private:
  friend class MariadbStatement;
  MariadbConnection(MYSQL* handle, std::string database, std::atomic<std::uint64_t>* statements)
      : handle_(handle), database_(std::move(database)), statements_(statements) {}
  static Result<std::unique_ptr<MariadbConnection>> connect(const MariadbUrl& url, const MariadbHost* host,
                                                            const std::string& password,
                                                            std::atomic<std::uint64_t>* statements);
  Result<void> set_up();
  Result<void> begin_work(const MariadbUrl& url);
  Result<void> takes_work();  // kIo: it answers, and can neither be read nor written
  Result<void> catch_up();
  // False: an error is to be asked for. For one or more statements whose rows nobody wants.
  bool run_all(std::string_view sql);
  Result<void> limit_silence();
  Result<bool> any_row(std::string_view question);
  // Notes what an error means for the transaction, the connection and the host.
  Error failed(unsigned number, const char* text, std::string_view doing);
  Error noted(Error error);  // for the last two

  MYSQL* handle_;
  const std::string database_;  // for texts, with the host
  std::atomic<std::uint64_t>* statements_;
  HostChoice* choice_ = nullptr;  // null by a socket, and until the host is chosen
  std::size_t host_ = 0;          // its place in the URL
  std::unordered_map<std::string, std::unique_ptr<MariadbStatement>> cache_;
  bool in_transaction_ = false;
  bool lost_ = false;
  bool writes_ = false;  // was begun to be written by
  bool reads_ = false;   // was begun to be read by, with a snapshot
  bool clustered_ = false;
  int idle_limit_ = 0;  // seconds, when it writes
};

}  // namespace essaim::storage
