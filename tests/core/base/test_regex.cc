#include <boost/test/unit_test.hpp>

#include "core/base/regex.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(regular_expressions)

BOOST_AUTO_TEST_CASE(they_are_perls_and_ignore_case) {
  struct Row {
    const char* pattern;
    const char* text;
    bool found;
  };
  const Row rows[] = {
      {"\\.fr$", "a@cru.FR", true},
      {"^(?:ann|bob)@", "Bob@x.example", true},
      {"^(?!spam)", "spam@x", false},
      {"(\\w)\\1", "aab", true},
      {"é", "caf\xC3\x89", true},
      {"e", "\xFF\xFE", false},
      {"", "", true},
  };
  for (const Row& row : rows) {
    auto regex = Regex::compile(row.pattern);
    BOOST_REQUIRE_MESSAGE(regex.ok(), row.pattern);
    BOOST_TEST(*regex->matches(row.text) == row.found, row.pattern);
  }
  BOOST_TEST(!*Regex::compile("A", Regex::Case::kExact)->matches("a"));
}

BOOST_AUTO_TEST_CASE(a_bad_one_is_refused_with_its_column) {
  const auto bad = Regex::compile("a(b");
  BOOST_REQUIRE(!bad.ok());
  BOOST_TEST(bad.error().message.starts_with("column 4: "), bad.error().message);
  BOOST_TEST(!Regex::compile(std::string(5000, 'a')).ok());
  BOOST_TEST(!Regex::compile("\xFF").ok());
}

BOOST_AUTO_TEST_CASE(one_that_would_never_end_is_given_up) {
  const auto regex = Regex::compile("^(a+)+$");
  BOOST_REQUIRE(regex.ok());
  const auto result = regex->matches(std::string(60, 'a') + "b");
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST((result.error().code == ErrorCode::kExhausted));
}

BOOST_AUTO_TEST_CASE(quoted_text_matches_itself) {
  const std::string odd = "a.b*c[d](e)^$|\\x{1}#/-";
  const auto regex = Regex::compile("^" + regex_quoted(odd) + "$");
  BOOST_REQUIRE(regex.ok());
  BOOST_TEST(*regex->matches(odd));
  BOOST_TEST(!*regex->matches("aXb*c[d](e)^$|\\x{1}#/-"));
}

BOOST_AUTO_TEST_SUITE_END()
