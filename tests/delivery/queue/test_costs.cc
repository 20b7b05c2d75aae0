// What a post to 20,000 costs: statements and commits per 1,000 recipients (asserted), processor time of our
// threads per recipient (told; --log_level=message).
#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using storage::CopyMode;

constexpr int kMembers = 20'000, kDomains = 200;

// Nanoseconds on a processor, by name of the thread: ours have names, those of the sink have not.
std::map<std::string, std::int64_t> processor_time() {
  std::map<std::string, std::int64_t> times;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::int64_t time = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> time;
    times[name] += time;
  }
  return times;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define ESSAIM_SANITIZED 1
#endif
#endif
#ifdef ESSAIM_SANITIZED
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

void measure(CopyMode mode, const char* what) {
  TestSink sink;
  Site site;
  site.add_members(kMembers, kDomains);
  std::map<std::string, std::int64_t> before, after;
  storage::Database::Counters first, last;
  std::chrono::duration<double> took{};
  {
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, kDomains); }, settings_for(site, sink));
    const Id post = site.post_to_list(site.new_post(mode, 2), run.engine->current_rank(), 0);
    before = processor_time();
    first = site.database->counters();
    const auto began = std::chrono::steady_clock::now();
    run.engine->ring();
    BOOST_REQUIRE(wait_until([&] { return sink.total() >= kMembers; }));
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    took = std::chrono::steady_clock::now() - began;
    after = processor_time();
    last = site.database->counters();
    BOOST_TEST(site.counts(post).delivered == kMembers);
  }
  BOOST_TEST(sink.total() == static_cast<std::size_t>(kMembers));
  const double thousands = kMembers / 1000.0;
  const double statements = static_cast<double>(last.statements - first.statements) / thousands;
  const double commits = static_cast<double>(last.commits - first.commits) / thousands;
  BOOST_TEST_MESSAGE(what << ": per 1,000 recipients " << statements << " statements, " << commits
                          << " commits; " << sink.transactions() << " transactions");
  for (const auto& [name, time] : after)
    if (name.rfind("loop", 0) == 0 || name.rfind("db-", 0) == 0 || name == "queue" || name == "journal")
      BOOST_TEST_MESSAGE("  " << name << ": " << static_cast<double>(time - before[name]) / kMembers / 1000
                              << " us per recipient");
  // Per batch: a page of members, two rows, the claim, a save in the middle and one at the end. The rest is the
  // share of claims and steps. Each batch is saved every two seconds, too, and hosts that answer late give batches back.
  if (kSlow) return;
  const double by_time = took.count() / 2;
  BOOST_TEST(statements <= 10 + by_time);
  BOOST_TEST(commits <= 3 + by_time);
}

BOOST_AUTO_TEST_CASE(a_thousand_recipients_cost_few_statements_and_commits) {
  log::set_level(log::Level::kError);
  measure(CopyMode::kPersonal, "personal");
  measure(CopyMode::kCommon, "common");
}

}  // namespace
}  // namespace essaim::test
