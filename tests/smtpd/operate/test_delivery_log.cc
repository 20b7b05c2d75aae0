// Who has got what, as lines of the log tell.
#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/id.h"
#include "smtpd/operate/delivery_log.h"

using namespace essaim;
using namespace essaim::smtpd::operate;

BOOST_AUTO_TEST_SUITE(delivery_log)

BOOST_AUTO_TEST_CASE(a_line_says_that_somebody_has_a_post_or_does_not) {
  const WallTime since = from_millis(1'795'000'000'000);  // 2026-11-18T11:06:40Z
  const std::string then = "2026-11-18T11:06:40.000Z ", before = "2026-11-18T11:06:39.999Z ";
  const std::string id = "0am52m8jr04a2";
  const struct {
    std::string line, to;
    std::int64_t lines, unread;
  } rows[] = {
      {then + "delivered id=" + id + " to=ann@a.example host=mx.a.example[192.0.2.1]:25 reply=\"250 ok\"",
       "ann@a.example", 1, 0},
      {then + "delivered host=mx.a.example id=" + id + " to=\"\\\"ann bee\\\"@a.example\"",
       "\"ann bee\"@a.example", 1, 0},
      {R"({"time":"2026-11-18T11:06:41.000Z","event":"delivered","id":"0am52m8jr04a2","to":"ann@a.example"})",
       "ann@a.example", 1, 0},
      {before + "delivered id=" + id + " to=ann@a.example", "", 1, 0},
      {then + "deferred id=" + id + " to=ann@a.example reply=\"450 delivered id=x\"", "", 1, 0},
      {then + "failed id=" + id + " to=ann@a.example", "", 1, 0},
      {then + "delivered id=nonsense to=ann@a.example", "", 1, 1},
      {then + "delivered id=" + id, "", 1, 1},
      {id + " ann@a.example", "ann@a.example", 1, 0},
      {"  " + id + "  ann@a.example\r", "ann@a.example", 1, 0},
      {id + " nobody", "", 1, 1},
      {id, "", 0, 0},
      {"Nov 18 11:06:40 mx1 postfix/smtp[1]: to=<ann@a.example>", "", 0, 0},
      {"", "", 0, 0},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.line) {
      DeliveryLog log(since);
      log.take(row.line);
      std::string to;
      for (const auto& [post, recipients] : log.delivered()) {
        BOOST_TEST(format_id(post) == id);
        for (const std::string& one : recipients) to += one;
      }
      BOOST_TEST(to == row.to);
      BOOST_TEST(log.lines() == row.lines);
      BOOST_TEST(log.unread() == row.unread);
    }
  }
  DeliveryLog all({});
  all.take(before + "delivered id=" + id + " to=ann@a.example");
  all.take(then + "delivered id=" + id + " to=ann@a.example");
  BOOST_TEST(all.delivered().begin()->second.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
