// Liveness and readiness, with parts that answer, fail, or keep silent.
#include <optional>

#include <boost/test/unit_test.hpp>

#include "smtpd/status/health.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace essaim::test;

namespace {

struct Node {
  explicit Node(std::vector<Pulse> pulses = {})
      : health(std::make_unique<Health>(
            loop, Health::Parts{std::move(pulses),
                                [this](std::function<void(Result<void>)> done) {
                                  ++writes;
                                  if (silent) {
                                    held.push_back(std::move(done));
                                  } else {
                                    done(database);
                                  }
                                },
                                [this] {
                                  return shortage.empty() ? Health::Reasons{}
                                                          : Health::Reasons{"short of " + shortage};
                                }})) {
    health->set_listening(true);
  }
  Health::Reasons ask(void (Health::*question)(Health::Answer)) {
    std::optional<Health::Reasons> answer;
    (*health.*question)([&](const Health::Reasons& reasons) { answer = reasons; });
    BOOST_REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }
  Health::Reasons ready() { return ask(&Health::ask_ready); }
  // What was learned of the database is kept for a while.
  Health::Reasons ready_later() {
    run_for(loop, std::chrono::milliseconds(600));
    return ready();
  }

  net::EventLoop loop{"test"};
  int writes = 0;
  bool silent = false;
  std::vector<std::function<void(Result<void>)>> held;
  Result<void> database;
  std::string shortage;
  std::unique_ptr<Health> health;
};

const Health::Reasons kYes;

}  // namespace

BOOST_AUTO_TEST_SUITE(health)

BOOST_AUTO_TEST_CASE(ready_is_who_listens_writes_and_has_room) {
  Node node;
  BOOST_TEST(node.ready() == kYes);
  node.shortage = "memory";
  BOOST_TEST(node.ready() == Health::Reasons{"short of memory"});
  node.shortage = "";
  node.health->set_draining(true);
  BOOST_TEST(node.ready() == Health::Reasons{"draining"});
  node.health->set_listening(false);
  BOOST_TEST(node.ready() == (Health::Reasons{"not listening", "draining"}));
  node.health->set_listening(true);
  node.health->set_draining(false);
  BOOST_TEST(node.ready() == kYes);
}

BOOST_AUTO_TEST_CASE(a_database_that_fails_or_keeps_silent_is_told_of) {
  Node node;
  node.database = Error{ErrorCode::kExhausted, "disk full"};
  BOOST_TEST(node.ready() == Health::Reasons{"the database does not work: disk full"});
  node.database = {};
  BOOST_TEST(node.ready_later() == kYes);
  node.silent = true;
  BOOST_TEST(node.ready_later() == Health::Reasons{"no answer from the database"});
  node.silent = false;
  BOOST_TEST(node.ready_later() == kYes);
  node.held[0](Error{ErrorCode::kTemporary, "too late to matter"});
  BOOST_TEST(node.ready() == kYes);
}

BOOST_AUTO_TEST_CASE(however_many_ask_the_database_is_asked_once) {
  Node node;
  node.silent = true;
  int answers = 0;
  for (int i = 0; i < 100; ++i) node.health->ask_ready([&](const Health::Reasons&) { ++answers; });
  BOOST_TEST(node.writes == 1);
  node.held[0]({});
  BOOST_TEST(run_until(node.loop, [&] { return answers == 100; }));
  BOOST_TEST(node.ready() == kYes);
  BOOST_TEST(node.writes == 1);
}

BOOST_AUTO_TEST_CASE(alive_is_whose_parts_all_answer) {
  std::function<void()> late;
  bool stuck = false;
  const Pulse good{"loop0", [](const std::function<void()>& answered) { answered(); }};
  const Pulse bad{"loop1", [&](std::function<void()> answered) {
                    if (!stuck) return answered();
                    late = std::move(answered);
                  }};
  Node node({good, bad});
  BOOST_TEST(node.ask(&Health::ask_alive) == kYes);
  stuck = true;
  BOOST_TEST(node.ask(&Health::ask_alive) == Health::Reasons{"no answer from loop1"});
  late();
  stuck = false;
  BOOST_TEST(node.ask(&Health::ask_alive) == kYes);
}

BOOST_AUTO_TEST_CASE(one_that_goes_with_questions_open_harms_nobody) {
  Node node;
  node.silent = true;
  node.health->ask_ready([](const Health::Reasons&) { BOOST_ERROR("answered by nobody"); });
  node.health.reset();
  node.held[0]({});
  run_for(node.loop, std::chrono::milliseconds(50));
}

BOOST_AUTO_TEST_SUITE_END()
