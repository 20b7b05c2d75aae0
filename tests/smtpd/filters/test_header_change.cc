// What filters change in a header, octet for octet.
#include <boost/test/unit_test.hpp>

#include "smtpd/filters/header_change.h"

using namespace essaim::smtpd;
using Kind = HeaderChange::Kind;

namespace {

const std::string kMessage =
    "Received: one\r\nSubject: Bees\r\n and wasps\r\nreceived: two\r\nFrom: ann@a.example\r\n\r\nbody\r\n";

std::string after(const std::vector<HeaderChange>& changes, const std::string& message = kMessage) {
  auto made = changed(message, changes, nullptr);
  BOOST_REQUIRE(made.ok());
  return made->content;
}

}  // namespace

BOOST_AUTO_TEST_CASE(fields_are_added_inserted_changed_and_removed_where_they_are_meant) {
  BOOST_TEST(
      after({{Kind::kAdd, 0, "X-Score", "4"}}).find("From: ann@a.example\r\nX-Score: 4\r\n\r\nbody\r\n") !=
      std::string::npos);
  BOOST_TEST(after({{Kind::kInsert, 0, "X-Top", "1"}}).starts_with("X-Top: 1\r\nReceived: one\r\n"));
  BOOST_TEST(after({{Kind::kInsert, 1, "X-Top", "1"}}).starts_with("Received: one\r\nX-Top: 1\r\nSubject:"));
  BOOST_TEST(after({{Kind::kInsert, 99, "X-End", "1"}}).find("a.example\r\nX-End: 1\r\n\r\n") !=
             std::string::npos);
  BOOST_TEST(after({{Kind::kChange, 2, "Received", "second"}}).find("wasps\r\nReceived: second\r\nFrom:") !=
             std::string::npos);
  BOOST_TEST(after({{Kind::kChange, 1, "SUBJECT", ""}}).starts_with("Received: one\r\nreceived: two\r\n"));
  BOOST_TEST(after({{Kind::kChange, 0, "subject", "Ants"}})
                 .starts_with("Received: one\r\nsubject: Ants\r\nreceived"));
  BOOST_TEST(after({{Kind::kChange, 3, "Received", "third"}}).find("a.example\r\nReceived: third\r\n\r\n") !=
             std::string::npos);
  BOOST_TEST(after({{Kind::kChange, 3, "Received", ""}}) == kMessage);
  BOOST_TEST(after({{Kind::kAdd, 0, "X-A", " has its own", true}}).find("\r\nX-A: has its own\r\n\r\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_value_ends_its_field) {
  const auto field = [](const std::string& value) {
    auto made = field_of({Kind::kAdd, 0, "X-A", value});
    return made.ok() ? *made : made.error().message;
  };
  BOOST_TEST(field("one\n two\r\n\tthree") == "X-A: one\r\n two\r\n\tthree\r\n");
  BOOST_TEST(field("one\nBcc: eve@e.example") == "X-A: one\r\n\tBcc: eve@e.example\r\n");
  BOOST_TEST(field("one\n\n\nbody") == "X-A: one\r\n\tbody\r\n");
  BOOST_TEST(field("one\r\n \r\n") == "X-A: one\r\n");
  BOOST_TEST(field("a\rb\r") == "X-A: ab\r\n");
  BOOST_TEST(field("") == "X-A: \r\n");
  BOOST_TEST(field(std::string("a\0b", 3)) == "the field \"X-A\" has a NUL");
  BOOST_TEST(field(std::string(999, 'x')) == "the field \"X-A\" has a line of more than 998 octets");
  BOOST_TEST(field_of({Kind::kAdd, 0, "X A", "1"}).error().message ==
             "the field \"X A\" has no name of a field");
  BOOST_TEST(!field_of({Kind::kAdd, 0, "", "1"}).ok());
  BOOST_TEST(!field_of({Kind::kAdd, 0, "X\r\nY", "1"}).ok());
  // One that cannot be is left out; the others are done.
  auto made = changed(kMessage, {{Kind::kAdd, 0, "X:Y", "1"}, {Kind::kAdd, 0, "X-B", "2"}}, nullptr);
  BOOST_REQUIRE(made.ok());
  BOOST_REQUIRE_EQUAL(made->left_out.size(), 1U);
  BOOST_TEST(made->content.find("X-B: 2\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(where_fields_stand_afterwards_is_told) {
  auto made = changed(kMessage,
                      {{Kind::kInsert, 0, "X-Top", "1"},
                       {Kind::kChange, 1, "Subject", "Ants"},
                       {Kind::kChange, 1, "Received", ""}},
                      nullptr);
  BOOST_REQUIRE(made.ok());
  const std::vector<std::optional<std::size_t>> expected = {{}, {}, 2, 3};
  BOOST_TEST((made->places == expected));
}

BOOST_AUTO_TEST_CASE(another_body_and_a_header_that_nothing_ended) {
  const std::string body = "other\r\n";
  auto made = changed(kMessage, {}, &body);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->content.ends_with("\r\n\r\nother\r\n"));
  BOOST_TEST(after({{Kind::kAdd, 0, "X-A", "1"}}, "From: a@a.example\r\nno field\r\n") ==
             "From: a@a.example\r\nX-A: 1\r\n\r\nno field\r\n");
  BOOST_TEST(!changed("From: a\rb\r\n\r\n", {}, nullptr).ok());
  // Nothing is made that would be refused as a message.
  std::vector<HeaderChange> many(2001, HeaderChange{Kind::kAdd, 0, "X-A", "1"});
  BOOST_TEST(!changed(kMessage, many, nullptr).ok());
}
