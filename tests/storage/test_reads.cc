// Who reads beside whom: long reads leave a reader to short ones.
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "storage/cluster/job_fence.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

constexpr auto kPatience = std::chrono::minutes(2);

// A read that lasts until it is told to end.
class Lasting {
 public:
  Work work() {
    return [this](Connection&) -> Result<void> {
      begun_.set_value();
      ends_.wait();
      return {};
    };
  }
  Done done() {
    return [this](Result<void> result) { done_.set_value(std::move(result)); };
  }
  bool begins() { return has_begun_.wait_for(kPatience) == std::future_status::ready; }
  bool has_begun() const { return has_begun_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  void end() { end_.set_value(); }
  Result<void> result() { return result_.get(); }

 private:
  std::promise<void> begun_, end_;
  std::promise<Result<void>> done_;
  std::future<void> has_begun_ = begun_.get_future(), ends_ = end_.get_future();
  std::future<Result<void>> result_ = done_.get_future();
};

// Whether a short read that comes now ends while others last.
bool answers(Database& database) {
  auto done = std::make_shared<std::promise<bool>>();
  database.read([](Connection&) -> Result<void> { return {}; },
                [done](const Result<void>& result) { done->set_value(result.ok()); });
  auto answer = done->get_future();
  return answer.wait_for(kPatience) == std::future_status::ready && answer.get();
}

std::unique_ptr<Database> open(const TempDatabase& made, int readers) {
  DatabaseOptions options;
  options.url = made.url();
  options.readers = readers;
  return must(Database::open(options));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reads)

BOOST_AUTO_TEST_CASE(long_reads_leave_the_last_reader_to_short_ones) {
  TempDatabase made;
  const auto database = open(made, 3);
  std::array<Lasting, 3> some;
  for (Lasting& one : some) database->read_long(Database::How::kLatest, one.work(), one.done());
  BOOST_TEST(some[0].begins());
  BOOST_TEST(some[1].begins());
  BOOST_TEST(answers(*database));
  BOOST_TEST(answers(*database));
  BOOST_TEST(!some[2].has_begun());
  some[0].end();  // then it is the turn of the next one
  must(some[0].result());
  BOOST_TEST(some[2].begins());
  BOOST_TEST(answers(*database));
  some[1].end();
  some[2].end();
  must(some[1].result());
  must(some[2].result());
}

BOOST_AUTO_TEST_CASE(what_a_job_or_a_command_waits_for_is_long) {
  TempDatabase made;
  const auto database = open(made, 2);
  const std::atomic<bool> stopping{false};
  JobFence job(*database, nullptr, stopping, {});
  Lasting of_job, of_command;
  job.read(of_job.work(), of_job.done());
  BOOST_TEST(of_job.begins());
  auto command = std::async(std::launch::async, [&] { return database->read_now(of_command.work()); });
  BOOST_TEST(answers(*database));
  must(database->short_read_now([](Connection&) -> Result<void> { return {}; }));
  BOOST_TEST(!of_command.has_begun());
  of_job.end();
  must(of_job.result());
  BOOST_TEST(of_command.begins());
  of_command.end();
  must(command.get());
}

BOOST_AUTO_TEST_CASE(one_reader_serves_long_reads_too) {
  TempDatabase made;
  const auto database = open(made, 1);
  must(database->read_now([](Connection&) -> Result<void> { return {}; }));
  BOOST_TEST(answers(*database));
}

BOOST_AUTO_TEST_CASE(long_reads_that_wait_are_done_before_the_end) {
  TempDatabase made;
  auto database = open(made, 2);
  std::array<Lasting, 2> some;
  for (Lasting& one : some) {
    database->read_long(Database::How::kPlain, one.work(), one.done());
    one.end();
  }
  database.reset();
  for (Lasting& one : some) must(one.result());
}

BOOST_AUTO_TEST_SUITE_END()
