#include "tests/support/temp_database.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <unistd.h>

#include "storage/schema.h"

namespace essaim::test {
namespace {

const char* server() {
  return std::getenv("ESSAIM_TEST_MARIADB");
}
std::string url_of(const std::string& name) {
  std::string url = server();
  return url.replace(url.find('%'), 1, name);
}
void check(const Result<void>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
}
std::unique_ptr<storage::Database> opened(const storage::DatabaseOptions& options) {
  auto database = storage::Database::open(options);
  if (!database.ok()) throw std::runtime_error(database.error().message);
  return std::move(*database);
}
void on_server(const std::string& statement) {
  storage::DatabaseOptions options;
  options.url = url_of("mysql");
  options.readers = 1;
  check(opened(options)->write_now(storage::Durability::kAccept,
                                   [&](storage::Connection& c) { return c.execute(statement); }));
}
int& made() {
  static int number = 0;
  return number;
}

}  // namespace

TempDatabase::TempDatabase() {
  if (server() != nullptr) {
    name_ = "essaim_test_" + std::to_string(::getpid()) + "_" + std::to_string(made()++);
    on_server("CREATE DATABASE " + name_);
  }
  open();
  check(storage::migrate(*database_));
}
TempDatabase::~TempDatabase() {
  database_.reset();
  if (server() != nullptr) on_server("DROP DATABASE " + name_);
}

bool TempDatabase::is_sqlite() {
  return server() == nullptr;
}
void TempDatabase::reopen() {
  close();
  open();
}
void TempDatabase::close() {
  database_.reset();
}
std::string TempDatabase::file() const {
  return directory_.path("essaim.db");
}
std::string TempDatabase::url() const {
  return server() == nullptr ? "sqlite:" + file() : url_of(name_);
}

void TempDatabase::open() {
  storage::DatabaseOptions options;
  options.url = url();
  options.create = true;
  database_ = opened(options);
}

}  // namespace essaim::test
