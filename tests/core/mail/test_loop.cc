#include <boost/test/unit_test.hpp>

#include "core/mail/loop.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

LoopMarks marks_of(const std::string& text) {
  return loop_marks(*HeaderBlock::parse(text));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loop)

BOOST_AUTO_TEST_CASE(mail_of_another_list_shows_its_marks) {
  const LoopMarks marks = marks_of(message("other_list"));
  BOOST_TEST(marks.received == 2U);
  BOOST_TEST(marks.list_ids.size() == 2U);
  BOOST_TEST(marks.has_list_id("News.lists.other.example"));
  BOOST_TEST(marks.has_list_id("dev.lists.example"));
  BOOST_TEST(!marks.has_list_id("lists.example"));
  BOOST_TEST(marks.has_x_loop("NEWS@lists.other.example"));
  BOOST_TEST(marks.precedence_bulk);
  BOOST_TEST(marks.automatic());
}

BOOST_AUTO_TEST_CASE(an_author_shows_none) {
  const LoopMarks marks = marks_of(message("alternative_gmail"));
  BOOST_TEST(marks.received == 1U);
  BOOST_TEST(!marks.automatic());
  BOOST_TEST(marks_of(message("long_header")).received == 30U);
}

BOOST_AUTO_TEST_CASE(automatic_mail_is_known_by_its_fields) {
  BOOST_TEST(marks_of(message("vacation")).auto_submitted);
  for (const char* yes : {"auto-generated", "AUTO-REPLIED", "auto-notified; x=y", " auto-replied(c)"}) {
    BOOST_TEST(marks_of("Auto-Submitted: " + std::string(yes) + "\r\n\r\n").auto_submitted, yes);
  }
  for (const char* no : {"no", "No", "no (really)", "no; x=y", ""}) {
    BOOST_TEST(!marks_of("Auto-Submitted: " + std::string(no) + "\r\n\r\n").auto_submitted, no);
  }
  for (const char* yes : {"bulk", "Junk", "LIST"}) {
    BOOST_TEST(marks_of("Precedence: " + std::string(yes) + "\r\n\r\n").precedence_bulk, yes);
  }
  BOOST_TEST(!marks_of("Precedence: first-class\r\n\r\n").precedence_bulk);
  BOOST_TEST(marks_of("List-Id: bare.lists.example\r\n\r\n").has_list_id("bare.lists.example"));
  BOOST_TEST(marks_of("List-Id: <>\r\n\r\n").automatic());  // it is list mail all the same
  BOOST_TEST(marks_of("List-Id: <> <x.example\r\n\r\n").automatic());
}

BOOST_AUTO_TEST_SUITE_END()
