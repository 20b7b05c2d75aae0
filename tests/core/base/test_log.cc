// The log: what a line looks like, that no value can forge another line, that what is gathered arrives whole, and
// that a flood of equal events becomes one line.
#include <cerrno>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/log_repeats.h"

namespace essaim {
namespace {

struct Lines {
  Lines()
      : capture([this](log::Level, std::string_view line) {
          std::string text(line);
          // The time, "2026-11-22T18:52:04.123Z", is there and is not of interest.
          const std::size_t at = text.find("Z");
          times_ok = times_ok && at != std::string::npos && text[at - 4] == '.' && text[at - 13] == 'T';
          all.push_back(text.substr(0, at >= 23 ? at - 23 : 0) + text.substr(at + 1));
        }) {}
  ~Lines() { log::configure({}); }
  std::vector<std::string> all;
  bool times_ok = true;
  log::Capture capture;
};

struct ValueRow {
  std::string value, text, json;
};
const ValueRow kValues[] = {
    {"plain", "v=plain", R"("v":"plain")"},
    {"", "v=\"\"", R"("v":"")"},
    {"250 2.0.0 Ok", "v=\"250 2.0.0 Ok\"", R"("v":"250 2.0.0 Ok")"},
    {"a=b", "v=\"a=b\"", R"("v":"a=b")"},
    {"a\\b", "v=\"a\\b\"", R"("v":"a\\b")"},
    {"say \"x\"", "v=\"say \\\"x\\\"\"", R"("v":"say \"x\"")"},
    {"\"", "v=\"\\\"\"", R"("v":"\"")"},
    {"a\nforged event=x", "v=\"a\\x0aforged event=x\"", R"("v":"a\\x0aforged event=x")"},
    {"\x1b[31m", "v=\"\\x1b[31m\"", R"("v":"\\x1b[31m")"},
    {"J\xc3\xbcrgen", "v=J\xc3\xbcrgen", "\"v\":\"J\xc3\xbcrgen\""},
    {"\xff", "v=\"\\xff\"", R"("v":"\\xff")"},
    {std::string(2000, 'x'), "v=" + std::string(1024, 'x') + "...",
     "\"v\":\"" + std::string(1024, 'x') + "...\""},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(values_are_quoted_and_escaped_so_that_none_forges_a_line) {
  Lines lines;
  for (const ValueRow& row : kValues) {
    lines.all.clear();
    log::configure({});
    log::info("event", {{"v", row.value}});
    log::configure({.format = log::Format::kJson});
    log::warning("event", {{"v", row.value}});
    BOOST_REQUIRE(lines.all.size() == 2);
    BOOST_TEST(lines.all[0] == " event " + row.text);
    BOOST_TEST(lines.all[1] == "{\"time\":\"\",\"level\":\"warning\",\"event\":\"event\"," + row.json + "}");
    BOOST_TEST(lines.times_ok);
  }
}

BOOST_AUTO_TEST_CASE(levels_below_the_one_that_is_set_are_not_written) {
  Lines lines;
  log::configure({.level = log::Level::kWarning});
  log::info("quiet");
  log::Line(log::Level::kInfo, "quiet too").write();
  log::error("loud", {{"n", 5}, {"yes", true}});
  BOOST_TEST(lines.all == std::vector<std::string>{" error loud n=5 yes=yes"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(times_are_seconds_with_milliseconds) {
  using namespace std::chrono_literals;
  const std::pair<Duration, const char*> rows[] = {
      {0ns, "0.000"},      {12ms, "0.012"},       {1234567us, "1.235"}, {400us, "0.000"},
      {-1500ms, "-1.500"}, {86400s, "86400.000"}, {999'600us, "1.000"},
  };
  for (const auto& [time, text] : rows) {
    std::string out;
    log::append_seconds(time, &out);
    BOOST_TEST(out == text);
  }
}

// Standard error belongs to the test's own reports: a child writes, we read.
BOOST_AUTO_TEST_CASE(gathered_lines_of_many_threads_arrive_whole_and_none_is_missing) {
  constexpr int kThreads = 4, kLines = 5'000;
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);  // a slow reader must not cost lines
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([t] {
        const bool gathers = t % 2 == 0;
        std::optional<log::Gather> gather;
        if (gathers) gather.emplace();
        for (int i = 0; i < kLines; ++i) {
          log::info("line",
                    {{"t", t}, {"i", i}, {"fill", std::string(static_cast<std::size_t>(i % 200), 'x')}});
          if (gathers && i % 17 == 0) gather->flush();
          if (gathers && i == kLines / 2) log::warning("at-once", {{"t", t}});
        }
      });
    for (auto& thread : threads) thread.join();
    log::Gather last;
    log::info("kept-until-flush");
    log::flush();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) != 0;) {
    BOOST_REQUIRE((n > 0 || errno == EINTR));
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  BOOST_TEST(status == 0);

  std::vector<int> next(kThreads, 0);
  int others = 0, wrong = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    BOOST_REQUIRE(end != std::string::npos);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    int t = -1, i = -1;
    char event[32] = {}, fill[256] = {};
    if (std::sscanf(line.c_str() + 24, " %31s t=%d i=%d fill=%255s", event, &t, &i, fill) >= 3 && t >= 0 &&
        t < kThreads) {
      // In the order of their thread, each one whole.
      if (i != next[static_cast<std::size_t>(t)]++) ++wrong;
      const std::string expected =
          i % 200 == 0 ? "\"\"" : std::string(static_cast<std::size_t>(i % 200), 'x');
      if (fill != expected) ++wrong;
    } else {
      ++others;
    }
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(next == std::vector<int>(kThreads, kLines), boost::test_tools::per_element());
  BOOST_TEST(others == 2 + 1);
}

BOOST_AUTO_TEST_CASE(a_flood_of_equal_events_is_counted_and_summed_up) {
  Lines lines;
  ManualClock clock;
  log::Repeats repeats(clock);
  const auto passes = [&](const char* event, const char* client, const char* command) {
    const log::Field fields[] = {{"command", command}, {"client", client}, {"to", "x@y.example"}};
    return repeats.passes(log::Level::kInfo, event, fields, 3);
  };
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(passes("reject", "a[192.0.2.1]", "RCPT"));  // no limit is set
  repeats.set_limit(10);
  int written = 0;
  for (int i = 0; i < 1000; ++i) written += passes("reject", "a[192.0.2.1]", "RCPT");
  BOOST_TEST(written == 10);
  // Another client, another command, and what is about recipients: not held back.
  BOOST_TEST(passes("reject", "b[192.0.2.2]", "RCPT"));
  BOOST_TEST(passes("reject", "a[192.0.2.1]", "MAIL"));
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(passes("delivered", "a[192.0.2.1]", "RCPT"));

  repeats.tell(false);
  BOOST_TEST(lines.all.empty());  // the minute is not over
  clock.advance(log::Repeats::kPeriod);
  repeats.tell(false);
  BOOST_REQUIRE(lines.all.size() == 1);
  BOOST_TEST(lines.all[0] == " repeated event=reject command=RCPT client=a[192.0.2.1] times=990");
  BOOST_TEST(passes("reject", "a[192.0.2.1]", "RCPT"));  // a new minute

  for (int i = 0; i < 20; ++i) passes("reject", "a[192.0.2.1]", "RCPT");
  repeats.tell(true);  // the end of the process
  BOOST_REQUIRE(lines.all.size() == 2);
  BOOST_TEST(lines.all[1].ends_with(" times=11"));
}

BOOST_AUTO_TEST_CASE(memory_for_repeats_is_bounded_and_nothing_is_held_back_beyond_it) {
  Lines lines;
  ManualClock clock;
  log::Repeats repeats(clock);
  repeats.set_limit(1);
  const auto passes = [&](std::size_t client) {
    const log::Field fields[] = {{"client", static_cast<std::uint64_t>(client)}};
    return repeats.passes(log::Level::kInfo, "connect", fields, 1);
  };
  for (std::size_t i = 0; i < log::Repeats::kMostKeys; ++i) BOOST_REQUIRE(passes(i));
  BOOST_TEST(!passes(0));
  BOOST_TEST(passes(log::Repeats::kMostKeys));
  BOOST_TEST(passes(log::Repeats::kMostKeys));  // no room to count it: it is written
  clock.advance(2 * log::Repeats::kPeriod);
  BOOST_TEST(passes(log::Repeats::kMostKeys));
  BOOST_TEST(!passes(log::Repeats::kMostKeys));  // there is room again
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace essaim
