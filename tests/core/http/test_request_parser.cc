// Each row is fed whole, byte by byte and at random splits.
#include <boost/test/unit_test.hpp>

#include "core/http/request_parser.h"
#include "tests/support/feeding.h"

using namespace essaim;
using namespace essaim::http;
using namespace std::string_literals;

namespace {

constexpr RequestLimits kSmall{.line = 100, .header = 200, .fields = 5, .body = 50};

std::string as_text(const ServerRequest& r) {
  std::string out = r.method + " " + r.path + (r.query.empty() ? "" : "?" + r.query);
  for (const auto& f : r.fields) out += "|" + f.name + "=" + f.value;
  return out + (r.body.empty() ? "" : "|" + r.body) + (r.keep_alive ? "" : " close");
}

// Requests, one behind the other, then "more" or the error.
std::string outcome(const std::vector<std::string_view>& pieces) {
  RequestParser parser(kSmall);
  std::string out;
  for (std::string_view piece : pieces) {
    for (;;) {
      const auto status = parser.feed(&piece);
      if (status == RequestParser::Status::kNeedMore) break;
      if (status == RequestParser::Status::kError)
        return out + std::to_string(parser.error_status()) + " " + parser.error_text();
      out += as_text(parser.take()) + "\n";
    }
    BOOST_TEST(piece.empty());
  }
  return out + (parser.begun() ? "more" : "");
}

void check(const std::string& input, const std::string& expected) {
  for (const auto& pieces : test::all_splits(input)) {
    const std::string got = outcome(pieces);
    BOOST_TEST(got.substr(0, expected.size()) == expected, input << "\ngave " << got);
  }
}

void refuses(const std::string& input, int status) {
  check(input, std::to_string(status) + " ");
}

std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_parser)

BOOST_AUTO_TEST_CASE(requests_follow_each_other) {
  check(get("/livez"), "GET /livez|host=x\n");
  check(get("/a") + get("/b?c=d&e"), "GET /a|host=x\nGET /b?c=d&e|host=x\n");
  check("\r\n\r\n" + get("/a"), "GET /a|host=x\n");
  check("GET / HTTP/1.0\r\n\r\n", "GET / close\n");
  check(get("/", "Connection: keep-alive, Close\r\n"), "GET /|host=x|connection=keep-alive, Close close\n");
  check("GET /a HTTP/1.1\r\nHost: x\r\n", "more");
  check("GET /a HTTP/1.1\r\nX-Name: \t v w \t\r\nHost:x\r\n\r\n", "GET /a|x-name=v w|host=x\n");
}

BOOST_AUTO_TEST_CASE(targets_are_decoded_once) {
  check(get("/a%20b%2Fc?x=%20"), "GET /a b/c?x=%20|");
  check(get("/%2525"), "GET /%25|");
  check(get("/%C3%A9"), "GET /\xC3\xA9|");
  check(get("http://host.example/a?b"), "GET /a?b|");
  check(get("HTTPS://host.example"), "GET /|");
  check(get("http://host.example?q"), "400 ");
  for (const char* bad :
       {"*", "a", "/%", "/%1", "/%GG", "/%00", "/%0D%0A", "/%FF", "/\xFF", "/a#b", "ftp://x/", "/?\x01"})
    refuses(get(bad), 400);
}

BOOST_AUTO_TEST_CASE(request_lines_that_are_none) {
  for (const char* bad :
       {"GET\r\n", "GET /\r\n", "GET  / HTTP/1.1\r\n", " GET / HTTP/1.1\r\n", "GET / HTTP/1.1 \r\n",
        "G(T / HTTP/1.1\r\n", "GET / http/1.1\r\n", "GET / HTTP/1.1\n", "GET\t/ HTTP/1.1\r\n", "\n",
        "METHODSTHATARETOOLONG / HTTP/1.1\r\n", "\r\n\r\n\r\n\r\n\r\n", "EHLO x\r\n"})
    refuses(bad, 400);
  refuses("GET / HTTP/1.2\r\n", 505);
  refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  refuses("\x16\x03\x01\x02"s + std::string(200, 'x'), 414);
  refuses("GET /" + std::string(100, 'a') + " HTTP/1.1\r\n", 414);
}

BOOST_AUTO_TEST_CASE(headers_that_are_none) {
  refuses(get("/", "name\r\n"), 400);
  refuses(get("/", "name : x\r\n"), 400);
  refuses(get("/", ": x\r\n"), 400);
  refuses(get("/", " folded: x\r\n"), 400);
  refuses(get("/", "a: b\r\n c\r\n"), 400);
  refuses(get("/", "a: b\rc\r\n"), 400);
  refuses(get("/", "a: b\0c\r\n"s), 400);
  refuses(get("/", "a: b\n"), 400);
  refuses(get("/", "Host: y\r\n"), 400);
  refuses("GET / HTTP/1.1\r\n\r\n", 400);
  refuses(get("/", "a: " + std::string(200, 'x') + "\r\n"), 431);
  refuses(get("/", "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\n"), 431);
  refuses(get("/", "Expect: something\r\n"), 417);
}

BOOST_AUTO_TEST_CASE(bodies_have_one_length) {
  const auto post = [](const std::string& fields, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
  };
  check(post("Content-Length: 3\r\n", "abc") + get("/"), "POST /|host=x|content-length=3|abc\nGET /");
  check(post("Content-Length: 0\r\n", "") + get("/"), "POST /|host=x|content-length=0\nGET /");
  check(post("Content-Length: 50\r\n", std::string(49, 'x')), "more");
  refuses(post("Content-Length: 51\r\n", ""), 413);
  refuses(post("Content-Length: 99999999999999999999999\r\n", ""), 400);
  for (const char* bad : {"-1", "+1", "1 ", "0x1", "1,1", ""}) {
    if (bad == "1 "s) continue;  // blanks at the end are no part of it
    refuses(post("Content-Length: "s + bad + "\r\n", "a"), 400);
  }
  refuses(post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400);
  refuses(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "a"), 400);
  refuses(post("Transfer-Encoding: gzip, chunked\r\n", ""), 501);
  refuses("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
}

BOOST_AUTO_TEST_CASE(chunks_are_put_together) {
  const auto chunked = [](const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
  };
  const std::string head = "POST /|host=x|transfer-encoding=chunked";
  check(chunked("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") + get("/"), head + "|abcde\nGET /");
  check(chunked("A\r\n0123456789\r\n00\r\nTrailer: x\r\n\r\n"), head + "|0123456789\n");
  check(chunked("3\r\nab"), "more");
  refuses(chunked("3\r\nabcd\r\n"), 400);
  refuses(chunked("x\r\n"), 400);
  refuses(chunked("\r\n"), 400);
  refuses(chunked("-1\r\n"), 400);
  refuses(chunked("3\nabc"), 400);
  refuses(chunked("33\r\n"), 413);
  refuses(chunked("FFFFFFFFFFFFFFFF\r\n"), 413);
  refuses(chunked("30\r\n" + std::string(48, 'x') + "\r\n3\r\n"), 413);
  refuses(chunked("1;" + std::string(300, 'x') + "\r\n"), 400);
  refuses(chunked("0\r\na: " + std::string(300, 'x') + "\r\n"), 431);
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_for_100_is_told_once) {
  RequestParser parser;
  std::string_view header = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
  BOOST_TEST((parser.feed(&header) == RequestParser::Status::kNeedMore));
  BOOST_TEST(parser.take_continue());
  BOOST_TEST(!parser.take_continue());
  std::string_view body = "ab";
  BOOST_TEST((parser.feed(&body) == RequestParser::Status::kRequest));
  BOOST_TEST(parser.take().body == "ab");
  std::string_view at_once =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab";
  BOOST_TEST((parser.feed(&at_once) == RequestParser::Status::kRequest));
  BOOST_TEST(!parser.take_continue());
}

BOOST_AUTO_TEST_SUITE_END()
