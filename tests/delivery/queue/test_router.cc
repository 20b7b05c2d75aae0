// Whose look-up is made when there are more than may be made at once.
#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "delivery/loop_side.h"
#include "tests/delivery/queue/rig.h"
#include "tests/support/run_until.h"

using namespace essaim;
using namespace essaim::delivery;
using namespace std::chrono_literals;

namespace {

class NoJournalHere : public storage::JournalWriter {
 public:
  Result<std::uint64_t> append(const storage::JournalRecord&) override { return 1; }
  void segment_done(std::uint64_t, std::size_t) override {}
};

class DeafQueue final : public NoteSink {
 public:
  void take_notes(std::vector<Note>) override {}
  void destination_saturated(const std::string&, std::set<std::string>, Saturation) override {}
  void destination_back(const std::string&) override {}
};

// A router on the test's thread, by a clock that stands still.
struct World {
  World() {
    test::serve_domains(dns, 2);
    fabric.sides = {side};
    side->begin();
  }
  ~World() {
    side->shut();
    fabric.sides.clear();
  }
  void look_up(const std::string& domain) {
    side->router().look_up({domain}, [this, domain](const NextHopPtr& hop) {
      BOOST_TEST((hop->kind == NextHop::Kind::kHosts), domain);
      answered.push_back(domain);
    });
  }
  bool answers(std::size_t count) {
    return test::run_until(loop, [&] { return answered.size() == count; });
  }
  auto questions(const std::string& begin) const {
    return std::count_if(dns.questions().begin(), dns.questions().end(),
                         [&](const std::string& question) { return question.starts_with(begin); });
  }

  net::EventLoop loop{"loop"};
  test::FakeResolver dns{loop};
  test::Tokens tokens;
  NoJournalHere journal;
  DeafQueue queue;
  ManualClock clock;
  Fabric fabric{clock, tokens, nullptr, {&loop}, {}, &queue, {}, {}, {}};
  std::shared_ptr<LoopSide> side =
      std::make_shared<LoopSide>(fabric, 0, dns, journal, std::make_shared<const EngineSettings>());
  std::vector<std::string> answered;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(router)

BOOST_FIXTURE_TEST_CASE(a_domain_that_was_found_soon_does_not_wait_behind_name_servers_that_are_silent,
                        World) {
  const std::string soon = test::Site::domain_name(0), late = test::Site::domain_name(1);
  look_up(soon);
  BOOST_REQUIRE(answers(1));
  dns.hold();
  look_up(late);
  clock.advance(4s);
  dns.release();
  BOOST_REQUIRE(answers(2));
  clock.advance(2h);  // neither is in the cache any more
  for (int i = 0; i < 300; ++i) {
    const std::string stranger = "stranger" + std::to_string(i) + ".test";
    dns.silence(stranger);
    look_up(stranger);
  }
  BOOST_TEST(questions("MX stranger") == 192);
  look_up(late);
  look_up(soon);
  BOOST_REQUIRE(answers(3));
  BOOST_TEST(answered.back() == soon);
  BOOST_TEST(questions("MX " + soon) == 2);
  BOOST_TEST(questions("MX " + late) == 1);
}

// And those who are found soon do not keep out the others, however many they are.
BOOST_FIXTURE_TEST_CASE(nobody_waits_behind_those_that_are_found_soon, World) {
  dns.set_addresses("mx.known.test", {"127.0.1.1"});
  for (int i = 0; i < 600; ++i) {
    const std::string domain = "known" + std::to_string(i) + ".test";
    dns.set_mx(domain, {{10, "mx.known.test"}});
    look_up(domain);
  }
  BOOST_REQUIRE(answers(600));
  clock.advance(2h);
  dns.hold();
  for (int i = 0; i < 600; ++i) look_up("known" + std::to_string(i) + ".test");
  look_up(test::Site::domain_name(0));
  dns.release();
  BOOST_REQUIRE(answers(1'201));
  const auto place = std::find(answered.begin(), answered.end(), test::Site::domain_name(0));
  BOOST_TEST((place != std::prev(answered.end())));
}

BOOST_AUTO_TEST_SUITE_END()
