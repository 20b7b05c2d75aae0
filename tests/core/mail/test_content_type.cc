#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/mail/content_type.h"
#include "core/mail/multipart.h"

using namespace essaim::mail;

BOOST_AUTO_TEST_SUITE(content_type)

BOOST_AUTO_TEST_CASE(types_and_parameters_are_read_tolerantly) {
  const ContentType a = parse_content_type("Multipart/MIXED; Boundary=\"a b\\\"c\" ; charset=UTF-8");
  BOOST_TEST(a.is("multipart", "mixed"));
  BOOST_TEST(a.parameter("boundary") == "a b\"c");
  BOOST_TEST(a.parameter("charset") == "UTF-8");
  const ContentType b =
      parse_content_type("text/plain (a comment; x=y); (c) format = flowed;; boundary=a=b/c:d");
  BOOST_TEST(b.parameter("format") == "flowed");
  BOOST_TEST(b.parameter("boundary") == "a=b/c:d");
  BOOST_TEST(b.parameter("x") == "");
  const ContentType c =
      parse_content_type("a/b; n*0*=UTF-8'fr'r%C3%A9; n*1=\"p.txt\"; m*=us-ascii''x%20y; n*9=gap");
  BOOST_TEST(c.parameter("n") == "r\xc3\xa9p.txt");
  BOOST_TEST(c.parameter("m") == "x y");
  BOOST_TEST(parse_content_type("a/b; x=1; x=2").parameter("x") == "1");
  for (const char* bad : {"", "text", "/plain", "text/", "; charset=x", "\"text\"/plain"}) {
    BOOST_TEST(!parse_content_type(bad).valid, bad);
  }
}

BOOST_AUTO_TEST_CASE(it_says_whether_something_was_passed_over) {
  const std::string u = "\xc3\xbc";
  for (const std::string& all : std::vector<std::string>{
           "text/plain",
           "a/b; n=\"Gr" + u + " n.pdf\"; size=3",
           "a/b; n=Gr" + u + "n.pdf;",
           "a/b ;; n = x\r\n ; m=a=b/c ",
           "a/b; n=\"x" + u + "\"; n*=UTF-8''x%C3%BC",
           "a/b; n*0*=utf-8'fr'x; n*1=\"y\"",
       }) {
    BOOST_TEST(parse_content_type(all).whole, all);
  }
  std::string many = "a/b";
  for (std::size_t i = 0; i <= kMaxParameters; ++i) many += "; n" + std::to_string(i) + "=x";
  for (const std::string& less : std::vector<std::string>{
           "a/b; n=Gr" + u + " n.pdf",                     // up to the space
           "a/b; n=Gr" + u + " (1)",                       // a comment, or of the name
           "a/b; n=Gr" + u + " (S" + u + "d; boundary=x",  // all behind the bracket
           "a/b; n=\"Gr" + u + "; boundary=x",             // likewise
           "a/b; n=\"Gr" + u + "\" n.pdf",
           "a/b; n=Gr" + u + "; n.pdf",
           "a/b; n" + u + "=x",
           "a/b c; n=x",
           "a/b; n=1; n=2",
           "a/b; n*0=x; n*2=y",
           "a/b; n*0=x; n*0=y",
           "a/b; n*x=y",
           "a/b; n*=x",
           "a/b; n*=iso-8859-1''%FC",
           many,
       }) {
    BOOST_TEST(!parse_content_type(less).whole, less);
  }
}

BOOST_AUTO_TEST_CASE(parts_are_found_by_byte) {
  const std::string body =
      "pre\r\n--b\r\nA: 1\r\n\r\none\r\n--bb\r\n--b \t\r\n\r\n--b--\r\nepilogue\r\n--b\r\n";
  const auto parts = split_multipart(body, "b");
  BOOST_REQUIRE(parts.has_value());
  BOOST_REQUIRE(parts->parts.size() == 2U);
  const auto part = [&](std::size_t i) {
    return body.substr(parts->parts[i].begin, parts->parts[i].end - parts->parts[i].begin);
  };
  BOOST_TEST(part(0) == "A: 1\r\n\r\none\r\n--bb");
  BOOST_TEST(part(1) == "");
  BOOST_TEST(body.substr(parts->closing, 5) == "--b--");
  for (const char* broken : {"", "--b\r\nx\r\n", "--b--\r\n", "x--b\r\nx\r\nx--b--", "--b\nx\n--b--\n"}) {
    BOOST_TEST(!split_multipart(broken, "b").has_value(), broken);
  }
  BOOST_TEST(!split_multipart("--\r\n\r\n----\r\n", "").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
