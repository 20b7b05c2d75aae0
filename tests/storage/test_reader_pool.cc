// The reader threads, before a server whose connections are lost when the test says so.
#include <future>
#include <memory>
#include <string_view>
#include <utility>

#include "storage/engine/reader_pool.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Server {
  int opened = 0;
  bool gone = false;  // the connection that is open
};

class ServerConnection final : public EngineConnection {
 public:
  explicit ServerConnection(Server& server) : server_(server) {}
  Result<Statement*> prepare(std::string_view) override { return Error{ErrorCode::kInternal, "not here"}; }
  Result<void> execute(std::string_view) override { return reply(); }
  Dialect dialect() const override { return Dialect::kMariadb; }
  Result<void> begin_reading() override { return reply(); }
  Result<void> begin_writing(Durability) override { return reply(); }
  Result<void> set_savepoint() override { return reply(); }
  Result<void> release_savepoint() override { return reply(); }
  Result<void> roll_back_to_savepoint() override { return reply(); }
  Result<void> commit() override { return reply(); }
  Result<void> roll_back() override { return reply(); }
  bool in_transaction() const override { return !server_.gone; }
  bool lost() const override { return server_.gone; }
  void settle() override {}

 private:
  Result<void> reply() const {
    if (server_.gone) return Error{ErrorCode::kIo, "no reply"};
    return {};
  }
  Server& server_;
};

struct SomeReaders {
  using Length = ReaderPool::Length;
  Server server;
  // So any that has begun has been at work for too long.
  ReaderPool pool{"x", 1,
                  [this]() -> Result<std::unique_ptr<EngineConnection>> {
                    ++server.opened;
                    server.gone = false;
                    return std::unique_ptr<EngineConnection>(std::make_unique<ServerConnection>(server));
                  },
                  Duration::zero()};
  int runs = 0;

  SomeReaders() {
    pool.start();
    must(read(Length::kShort, [](Connection&) { return Result<void>(); }));
  }
  ~SomeReaders() { pool.stop(); }
  Result<void> read(Length length, Work work) {
    std::promise<Result<void>> done;
    pool.read(Database::How::kSnapshot, length, std::move(work),
              [&done](Result<void> result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  Work lost_at_first() {
    return [this](Connection& connection) {
      if (++runs == 1) server.gone = true;
      return connection.execute("SELECT 1");
    };
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(reader_pool)

BOOST_FIXTURE_TEST_CASE(what_had_not_begun_when_its_connection_was_found_lost_is_run_on_another_one,
                        SomeReaders) {
  for (const Length length : {Length::kShort, Length::kLong}) {
    const int before = server.opened;
    server.gone = true;
    runs = 0;
    must(read(length, [this](Connection& connection) {
      ++runs;
      return connection.execute("SELECT 1");
    }));
    BOOST_TEST(runs == 1);
    BOOST_TEST(server.opened == before + 1);
  }
}

BOOST_FIXTURE_TEST_CASE(a_long_work_that_was_under_way_for_long_is_not_asked_for_twice, SomeReaders) {
  BOOST_TEST((code_of(read(Length::kLong, lost_at_first())) == ErrorCode::kIo));
  BOOST_TEST(runs == 1);
  runs = 0;
  must(read(Length::kShort, lost_at_first()));
  BOOST_TEST(runs == 2);
}

BOOST_AUTO_TEST_SUITE_END()
