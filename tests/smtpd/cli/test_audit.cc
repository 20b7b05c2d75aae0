// What commands did is told to the running server, as they do it.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "smtpd/admin/server.h"
#include "smtpd/cli/audit.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

// A server on the test's thread.
struct Fixture {
  Fixture() {
    auto bound = net::ListenSocket::bind_unix(path, 0660);
    BOOST_REQUIRE(bound.ok());
    std::map<std::string, admin::Verb> verbs;
    verbs["noted"] = {{"lines"}, [this](const admin::Request& q, const std::shared_ptr<admin::Responder>& r) {
                        if (refuses) {
                          refused = true;
                          return r->answer(Error{ErrorCode::kConflict, "asked to"});
                        }
                        const std::string lines = q.argument("lines");
                        for (const std::string_view line : split(lines, '\n'))
                          if (!line.empty()) noted.emplace_back(line);
                        r->answer(std::string("{}"));
                      }};
    server = std::make_unique<admin::Server>(loop, *bound, std::move(verbs));
  }
  // It waits for answers of the server.
  void end_command() {
    std::atomic<bool> done{false};
    std::thread thread([&] {
      audit.reset();
      done = true;
      loop.post([] {});
    });
    const bool ended = test::run_until(loop, [&] { return done.load(); });
    thread.join();
    BOOST_TEST(ended);
  }

  test::TempDir directory;
  const std::string path = directory.path("admin");
  net::EventLoop loop{"test"};
  std::vector<std::string> noted;
  bool refuses = false, refused = false;
  std::unique_ptr<admin::Server> server;
  std::unique_ptr<cli::Audit> audit = std::make_unique<cli::Audit>(path);
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(each_thing_is_told_as_it_is_done_however_many_there_are, Fixture) {
  log::info("request", {{"n", 0}});
  BOOST_TEST(test::run_until(loop, [&] { return !noted.empty(); }));  // the command goes on
  // Together more than the server takes at once.
  const std::string reason(1000, '"');
  std::vector<std::string> expected = {"request n=0"};
  for (int i = 1; i < 1000; ++i) {
    log::info("answered", {{"n", i}, {"reason", reason}});
    log::info("looked", {{"n", i}});
    expected.push_back("answered n=" + std::to_string(i));
  }
  end_command();
  BOOST_REQUIRE(noted.size() == expected.size());
  for (std::size_t i = 0; i < noted.size(); ++i) BOOST_REQUIRE(noted[i].starts_with(expected[i]));
}

BOOST_FIXTURE_TEST_CASE(what_the_server_did_not_take_is_counted, Fixture) {
  refuses = true;
  log::info("request", {{"n", 0}});
  BOOST_TEST(test::run_until(loop, [&] { return refused; }));
  refuses = false;
  log::info("waiting-dropped", {{"n", 1}});
  end_command();
  const std::vector<std::string> expected = {"waiting-dropped n=1",
                                             "and 1 line more, which could not be told"};
  BOOST_TEST(noted == expected, boost::test_tools::per_element());
}
