// kill -9 in the middle: a child process runs the engine, the parent has the sink. Nothing is lost, failures
// are told exactly once, and at most what was in flight goes out twice.
#include <csignal>

#include <boost/test/unit_test.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using namespace std::chrono_literals;

constexpr int kMembers = 3'000, kDomains = 3, kConnections = 4, kKills = 4;

delivery::EngineSettings crash_settings(Site& site, std::uint16_t port) {
  delivery::EngineSettings settings;
  settings.hostname = "node.test";
  settings.port = port;
  settings.journal_directory = site.database.directory().path("journal");
  settings.connections_per_destination = kConnections;
  settings.idle_timeout = 200ms;
  settings.retry_initial = 300ms;
  settings.retry_max = 1s;
  return settings;
}

struct Child {
  pid_t pid = 0;
  int go = -1;
};

// Waits for its turn, then runs an engine until it is killed.
Child make_child(Site& site) {
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  BOOST_REQUIRE(pid >= 0);
  if (pid == 0) {
    ::close(ends[1]);
    std::uint16_t port = 0;
    if (::read(ends[0], &port, sizeof port) != sizeof port) ::_exit(1);
    try {
      site.database.reopen();
      Run run(
          site, [](FakeResolver& dns) { serve_domains(dns, kDomains); }, crash_settings(site, port));
      for (;;) ::pause();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "child: %s\n", e.what());
    }
    ::_exit(1);
  }
  ::close(ends[0]);
  return {pid, ends[1]};
}

BOOST_AUTO_TEST_CASE(a_killed_engine_loses_nothing) {
  log::set_level(log::Level::kError);
  Site site;
  site.add_members(kMembers, kDomains);
  const Id post = site.post_to_list(site.new_post(storage::CopyMode::kPersonal, 2), 0);
  site.database.close();
  std::vector<Child> children;  // made before there are threads
  for (int i = 0; i < kKills; ++i) children.push_back(make_child(site));

  TestSink sink;
  for (int d = 0; d < kDomains; ++d) {
    HostPolicy policy;
    policy.message_ms = 2;
    policy.rcpt = [](const std::string& to, int) -> std::string {
      return to.find("7@") != std::string::npos ? "550 5.1.1 no such user" : "250 2.1.5 ok";
    };
    sink.set(address_of(d), policy);
  }
  const std::uint16_t port = sink.port();
  for (const Child& child : children) {
    const std::size_t enough = sink.total() + 400;
    BOOST_REQUIRE(::write(child.go, &port, sizeof port) == static_cast<ssize_t>(sizeof port));
    BOOST_TEST(wait_until([&] { return sink.total() > enough; }));
    ::kill(child.pid, SIGKILL);
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    ::close(child.go);
  }
  site.database.reopen();
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, kDomains); }, crash_settings(site, port));
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));

  const int bad = kMembers / 10;
  const auto accepted = sink.accepted();
  BOOST_TEST(accepted.size() == static_cast<std::size_t>(kMembers - bad));
  int twice = 0;
  for (const auto& [to, times] : accepted) twice += times - 1;
  BOOST_TEST_MESSAGE("second copies: " << twice);
  BOOST_TEST(twice <= kKills * kDomains * kConnections);
  const auto counts = site.counts(post);
  BOOST_TEST(counts.accepted == kMembers);
  BOOST_TEST(counts.delivered == kMembers - bad);
  BOOST_TEST(counts.failed == bad);
  const auto bounces = site.bounces();
  BOOST_TEST(bounces.size() == static_cast<std::size_t>(bad));
  for (const auto& [to, times] : bounces)
    BOOST_TEST(times == 1, to + " was told " + std::to_string(times) + " times");
}

}  // namespace
}  // namespace essaim::test
