#include <algorithm>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "smtpd/cli/top_view.h"

using namespace essaim;
using namespace essaim::smtpd::cli;
using Parsed = nlohmann::json;

namespace {

Parsed snapshot(int messages, int uptime) {
  return {
      {"time", "2026-11-22T23:00:00Z"},
      {"uptime_seconds", uptime},
      {"node", 1},
      {"counters", {{"messages_in", messages}, {"delivered", messages * 10}}},
      {"sessions", 3},
      {"connections_out", 2},
      {"loops", {{{"name", "loop0"}, {"lag_ms", 0.1}}, {{"name", "loop1"}, {"lag_ms", nullptr}}}},
      {"database", {{"healthy", true}, {"answer_ms", 2.5}, {"commits", 40}, {"durable_commits", 10}}},
      {"destinations",
       {{{"domain", "a.test\x1b[31m"},
         {"connections", 1},
         {"limit", 20},
         {"waiting", 7},
         {"state", "active"},
         {"last_reply", "450 wait\r\n\x1b]0;title\x07"}}}},
      {"queue",
       {{"states",
         {{"ready",
           {{"batches", 1}, {"recipients", 12}, {"oldest", "2026-11-22T22:59:00Z"}, {"oldest_seconds", 60}}},
          {"held", {{"batches", 0}, {"recipients", 0}, {"oldest", nullptr}, {"oldest_seconds", nullptr}}}}},
        {"unexpanded", 0},
        {"lists", {{{"list", "d\xC3\xBC@lists.test"}, {"posts", 1}, {"recipients", 12}}}}}}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(rates_are_differences_over_the_time_between) {
  const auto rated = with_rates(snapshot(30, 20).dump(), snapshot(10, 10).dump(), 10.0);
  BOOST_REQUIRE(rated.ok());
  BOOST_TEST(Parsed::parse(*rated)["rates"]["messages_in"].get<double>() == 2.0);
  BOOST_TEST(Parsed::parse(*rated)["rates"]["delivered"].get<double>() == 20.0);
}

BOOST_AUTO_TEST_CASE(there_are_no_rates_at_first_nor_after_a_restart) {
  for (const std::string& before : {std::string(), std::string("nonsense"), snapshot(10, 500).dump()}) {
    const auto rated = with_rates(snapshot(30, 20).dump(), before, 10.0);
    BOOST_REQUIRE(rated.ok());
    BOOST_TEST(!Parsed::parse(*rated).contains("rates"));
    BOOST_TEST(joined(render_top(*rated, 0, 0), "\n").find("- messages/s") != std::string::npos);
  }
  BOOST_TEST(!with_rates("[]", "", 1).ok());
}

BOOST_AUTO_TEST_CASE(what_others_wrote_cannot_reach_the_terminal) {
  const std::string text = joined(render_top(snapshot(1, 1).dump(), 0, 0), "\n");
  BOOST_TEST(text.find("450 wait") != std::string::npos);
  for (const char c : text) BOOST_TEST((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  BOOST_TEST(text.find("late") != std::string::npos);  // the loop that did not answer
  BOOST_TEST(text.find("ready 12 (oldest 1m)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_delivery_that_is_paused_is_not_overlooked) {
  const auto shown = [](const char* why) {
    Parsed paused = snapshot(1, 1);
    if (std::string_view(why) == "COMMITs fail") paused["database"]["healthy"] = false;
    if (std::string_view(why) == "no answer") paused["sending_paused"] = true;
    return joined(render_top(paused.dump(), 0, 0), "\n").find("IN TROUBLE: delivery is paused") !=
           std::string::npos;
  };
  BOOST_TEST(!shown(""));
  BOOST_TEST(shown("COMMITs fail"));
  BOOST_TEST(shown("no answer"));
}

BOOST_AUTO_TEST_CASE(lines_fit_the_window_and_characters_stay_whole) {
  for (int columns = 1; columns < 90; ++columns) {
    for (const int rows : {1, 3, 9, 40}) {
      const auto lines = render_top(snapshot(1, 1).dump(), columns, rows);
      BOOST_TEST(lines.size() <= static_cast<std::size_t>(rows));
      for (const auto& line : lines) {
        const auto characters = std::count_if(
            line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
        BOOST_TEST(characters <= columns);
        BOOST_TEST((line.empty() || static_cast<unsigned char>(line.back()) != 0xC3));
      }
    }
  }
}
