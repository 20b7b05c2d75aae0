#include <boost/test/unit_test.hpp>

#include "core/smtp/reply_reader.h"
#include "tests/support/feeding.h"

using namespace essaim;
using namespace essaim::smtp;

namespace {

// The replies read, one a line, or "error: ...".
std::string read_all(const std::vector<std::string_view>& pieces) {
  ReplyReader reader;
  std::string out;
  for (std::string_view piece : pieces) {
    while (true) {
      const auto status = reader.feed(&piece);
      if (status == ReplyReader::Status::kError) return out + "error: " + reader.error().message;
      if (status == ReplyReader::Status::kNeedMore) break;
      out += reader.take().to_string() + "\n";
    }
  }
  return out + (reader.idle() ? "" : "unfinished");
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reply_reader)

BOOST_AUTO_TEST_CASE(replies_are_read_however_they_come) {
  const std::pair<std::string, std::string> rows[] = {
      {"250 2.1.0 ok\r\n", "250 2.1.0 ok\n"},
      {"250-a\r\n250-b\r\n250 c\r\n", "250 a b c\n"},
      {"250 2.0.0 a\r\n354 go\r\n", "250 2.0.0 a\n354 go\n"},
      {"250\r\n", "250\n"},
      {"250 \r\n", "250\n"},
      {"250 a\n", "250 a\n"},
      {"550-5.1.1 a\r\n550 5.1.1 b\r\n", "550 5.1.1 a b\n"},
      {"550 5.1.1\r\n", "550 5.1.1\n"},
      {"550 4.1.1 a\r\n", "550 4.1.1 a\n"},
      {"220-x\r\n2", "unfinished"},
      {"", ""},
      {"250 \x1b[31m\r\n", "250 \x1b[31m\n"},
  };
  for (const auto& [input, expected] : rows) {
    for (const auto& way : test::all_splits(input)) BOOST_TEST(read_all(way) == expected, input);
  }
}

BOOST_AUTO_TEST_CASE(an_enhanced_code_of_another_class_stays_text) {
  ReplyReader reader;
  std::string_view bytes = "550-5.1.1 a\r\n550 5.7.1 b\r\n450 5.1.1 c\r\n";
  BOOST_REQUIRE((reader.feed(&bytes) == ReplyReader::Status::kReply));
  const Reply first = reader.take();
  BOOST_TEST((first.enhanced == EnhancedCode{5, 1, 1}));
  BOOST_TEST(first.text == "a\n5.7.1 b");
  BOOST_REQUIRE((reader.feed(&bytes) == ReplyReader::Status::kReply));
  const Reply second = reader.take();
  BOOST_TEST(second.enhanced.klass == 0);
  BOOST_TEST(second.text == "5.1.1 c");
}

BOOST_AUTO_TEST_CASE(nonsense_is_an_error_however_it_comes) {
  const std::string rows[] = {
      "250-a\r\n251 b\r\n",
      "hello\r\n",
      "\r\n",
      "25\r\n",
      "150 a\r\n",
      "650 a\r\n",
      "250x\r\n",
      std::string("250 a\0b\r\n", 9),
      "250 " + std::string(10'000'000, 'x'),
      std::string(5'000, 'x'),
      repeated("250-a\r\n", 129),
      repeated("250-" + std::string(4'000, 'x') + "\r\n", 20),
  };
  for (const std::string& input : rows) {
    for (const auto& way : test::all_splits(std::string_view(input).substr(0, 100'000), 3)) {
      BOOST_TEST(read_all(way).starts_with("error: "), input.substr(0, 50));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_reader_stays_in_error) {
  ReplyReader reader;
  std::string_view bytes = "x\r\n250 ok\r\n";
  BOOST_TEST((reader.feed(&bytes) == ReplyReader::Status::kError));
  BOOST_TEST((reader.feed(&bytes) == ReplyReader::Status::kError));
}

BOOST_AUTO_TEST_SUITE_END()
