#include <cstdlib>

#include <boost/test/unit_test.hpp>

#include "smtpd/admin/protocol.h"
#include "tests/support/feeding.h"

using namespace essaim;
using namespace essaim::smtpd::admin;

BOOST_AUTO_TEST_CASE(a_request_survives_the_way_whatever_its_texts_contain) {
  Request request{"queue-hold",
                  {{"reason", "two\nlines, \"quotes\" \\ and \xC3\xA9"}, {"ids", "0am52m8jr04a2"}}};
  const std::string line = encode_request(request);
  BOOST_TEST(line.find('\n') == line.size() - 1);  // one line, always
  const auto read = decode_request(line.substr(0, line.size() - 1));
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->command == request.command);
  BOOST_TEST((read->arguments == request.arguments));
}

BOOST_AUTO_TEST_CASE(junk_is_refused_with_a_reason) {
  std::string deep = R"({"command":"x","arguments":)";
  for (int i = 0; i < 100'000; ++i) deep += R"({"a":)";
  const std::pair<std::string, std::string> rows[] = {
      {"", "not JSON"},
      {"GET / HTTP/1.0", "not JSON"},
      {std::string("\0\0\0", 3), "not JSON"},
      {"\xff\xfe", "not UTF-8"},
      {"[1,2]", "not a JSON object"},
      {"\"x\"", "not a JSON object"},
      {"{}", "no command"},
      {R"({"command":5})", "unexpected member \"command\""},
      {R"({"command":"x","arguments":[]})", "unexpected member \"arguments\""},
      {R"({"command":"x","arguments":{"a":1}})", "argument \"a\" is not a text"},
      {R"({"command":"x","arguments":{"a":{"b":"c"}}})", "argument \"a\" is not a text"},
      {R"({"command":"x","more":1})", "unexpected member \"more\""},
      {R"({"command":"x"} {"command":"y"})", "not JSON"},
      {deep, "nested too deep"},
  };
  for (const auto& [text, why] : rows) {
    const auto read = decode_request(text);
    BOOST_REQUIRE_MESSAGE(!read.ok(), text.substr(0, 60));
    BOOST_TEST(read.error().message == why, text.substr(0, 60) << ": " << read.error().message);
  }
}

BOOST_AUTO_TEST_CASE(answers_carry_results_and_errors) {
  const std::string good = encode_answer(std::string(R"({"posts":3})"));
  const auto result = decode_answer(good.substr(0, good.size() - 1));
  BOOST_REQUIRE(result.ok());
  BOOST_TEST(*result == R"({"posts":3})");
  const std::string bad = encode_answer(Error{ErrorCode::kNotFound, "no \"post\"\n"});
  BOOST_TEST(bad.find('\n') == bad.size() - 1);
  const auto error = decode_answer(bad.substr(0, bad.size() - 1));
  BOOST_REQUIRE(!error.ok());
  BOOST_TEST((error.error().code == ErrorCode::kNotFound));
  BOOST_TEST(error.error().message == "no \"post\"\n");
  BOOST_TEST(!decode_answer("nonsense").ok());
  const std::string line = encode_line("C: x\r\n\x01");
  BOOST_TEST(decode_line(line.substr(0, line.size() - 1)).value() == "C: x\r\n\x01");
}

BOOST_AUTO_TEST_CASE(lines_are_collected_however_they_come) {
  const std::string input = "one\ntwo two\n\nlast";
  for (const auto& pieces : essaim::test::all_splits(input)) {
    LineReader reader(100);
    std::vector<std::string> lines;
    for (std::string_view piece : pieces) {
      while (!piece.empty()) {
        std::size_t used = 0;
        const auto state = reader.take(piece, &used);
        piece.remove_prefix(used);
        if (state != LineReader::State::kLine) continue;
        lines.push_back(reader.line());
        reader.next();
      }
    }
    const std::vector<std::string> expected = {"one", "two two", ""};
    BOOST_TEST(lines == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_line_beyond_the_limit_is_refused_and_not_kept) {
  LineReader reader(1000);
  std::size_t used = 0;
  BOOST_TEST((reader.take(std::string(900, 'x'), &used) == LineReader::State::kMore));
  BOOST_TEST((reader.take(std::string(900, 'x'), &used) == LineReader::State::kTooLong));
  BOOST_TEST(reader.line().size() == 900U);
}
