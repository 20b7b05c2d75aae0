#include "storage/database.h"

#include <condition_variable>
#include <mutex>

#include "storage/mariadb/mariadb_database.h"
#include "storage/sqlite/sqlite_database.h"

namespace essaim::storage {

namespace {

constexpr std::string_view kSqlite = "sqlite:";

// Waits for the one answer of an asynchronous call. Shared with the callback, which may still hold the lock
// when the waiter has its answer.
class Answer {
 public:
  void give(Result<void> result) {
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    given_ = true;
    wake_.notify_one();
  }
  Result<void> wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return given_; });
    return result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool given_ = false;
  Result<void> result_;
};

}  // namespace

Result<void> Database::check_url(const std::string& url) {
  if (is_mariadb_url(url)) {
    ESSAIM_TRY(parse_mariadb_url(url));
    return {};
  }
  if (!url.starts_with(kSqlite)) {
    return Error{ErrorCode::kInvalid,
                 "must be sqlite:/path/to/file.db or mariadb://user@host1:3306,host2:3306/database"};
  }
  const std::string file = url.substr(kSqlite.size());
  if (!file.starts_with('/')) return Error{ErrorCode::kInvalid, "the file must have an absolute path"};
  if (file.find('\n') != std::string::npos)
    return Error{ErrorCode::kInvalid, "the file's path must not contain a line end"};
  return {};
}

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  if (auto known = check_url(options.url); !known.ok())
    return Error{ErrorCode::kInvalid, "database url '" + options.url + "': " + known.error().message};
  if (is_mariadb_url(options.url)) return MariadbDatabase::open(options);
  return SqliteDatabase::open(options, options.url.substr(kSqlite.size()));
}

namespace {

Result<void> wait_for_long(Database& database, Database::How how, const Work& work) {
  auto answer = std::make_shared<Answer>();
  database.read_long(
      how, [&work](Connection& connection) { return work(connection); },
      [answer](Result<void> result) { answer->give(std::move(result)); });
  return answer->wait();
}

}  // namespace

void Database::read_long(How how, Work work, Done done) {
  switch (how) {
    case How::kSnapshot:
      return read(std::move(work), std::move(done));
    case How::kLatest:
      return read_latest(std::move(work), std::move(done));
    case How::kPlain:
      return look(std::move(work), std::move(done));
  }
}

Result<void> Database::read_now(const Work& work) {
  return wait_for_long(*this, How::kSnapshot, work);
}

Result<void> Database::look_now(const Work& work) {
  return wait_for_long(*this, How::kPlain, work);
}

Result<void> Database::read_latest_now(const Work& work) {
  return wait_for_long(*this, How::kLatest, work);
}

Result<void> Database::short_read_now(const Work& work) {
  auto answer = std::make_shared<Answer>();
  read([&work](Connection& connection) { return work(connection); },
       [answer](Result<void> result) { answer->give(std::move(result)); });
  return answer->wait();
}

Result<void> Database::write_now(Durability durability, const Work& work) {
  auto answer = std::make_shared<Answer>();
  write(
      durability, [&work](Connection& connection) { return work(connection); },
      [answer](Result<void> result) { answer->give(std::move(result)); });
  return answer->wait();
}

}  // namespace essaim::storage
