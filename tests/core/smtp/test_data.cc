#include <utility>

#include <boost/test/unit_test.hpp>

#include "core/smtp/data_decoder.h"
#include "core/smtp/dot_stuffing.h"
#include "tests/support/feeding.h"
#include "tests/support/linear.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::smtp;

namespace {

struct Decoded final : DataDecoder::Sink {
  std::string content;
  std::string rest;
  std::string problems;
  bool done = false;
  void on_message_data(std::string_view bytes) override { content += bytes; }
};

Decoded decode(const std::vector<std::string_view>& pieces, BareLineEnds mode = BareLineEnds::kRefuse) {
  DataDecoder decoder(mode);
  Decoded out;
  for (const std::string_view piece : pieces) {
    const std::size_t used = decoder.done() ? 0 : decoder.feed(piece, &out);
    out.rest += piece.substr(used);
  }
  out.done = decoder.done();
  if (decoder.bare_cr()) out.problems += "CR ";
  if (decoder.bare_lf()) out.problems += "LF ";
  if (decoder.nul()) out.problems += "NUL ";
  if (decoder.long_line()) out.problems += "LONG ";
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(data)

BOOST_AUTO_TEST_CASE(dots_are_taken_away_and_the_end_is_found) {
  struct Row {
    std::string input;
    std::string content;
    std::string rest;
  };
  const Row rows[] = {
      {".\r\n", "", ""},
      {"a\r\n.\r\n", "a\r\n", ""},
      {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"},
      {"..\r\n...\r\n.a\r\na.b\r\n.\r\n", ".\r\n..\r\na\r\na.b\r\n", ""},
      {"\r\n\r\n.\r\n.\r\n", "\r\n\r\n", ".\r\n"},
      {"a\r\n", "a\r\n", "<open>"},
      {"a\r\n.\r", "a\r\n", "<open>"},
  };
  for (const Row& row : rows) {
    for (const auto& way : test::all_splits(row.input)) {
      const Decoded decoded = decode(way);
      BOOST_TEST_CONTEXT(row.input) {
        BOOST_TEST(decoded.content == row.content);
        BOOST_TEST((decoded.done ? decoded.rest : "<open>") == row.rest);
        BOOST_TEST(decoded.problems == "");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(only_crlf_dot_crlf_ends_data) {  // BAD-INPUT 1
  struct Row {
    std::string input;
    const char* problems;
    std::string normalised;
  };
  const Row rows[] = {
      {"a\n.\nMAIL", "LF ", "a\r\n.\r\nMAIL"},
      {"a\n.\r\nMAIL", "LF ", "a\r\n.\r\nMAIL"},
      {"a\r\n.\nMAIL", "LF ", "a\r\n\r\nMAIL"},
      {"a\r.\rMAIL", "CR ", "a . MAIL"},
      {"a\r\n.\rMAIL", "CR ", "a\r\n MAIL"},
      {"a\r.\r\nMAIL", "CR ", "a .\r\nMAIL"},
      {"a\r\r\n.\r\r\nMAIL", "CR ", "a \r\n \r\nMAIL"},
      {std::string("a\r\n.\0\r\nMAIL", 11), "NUL ", std::string("a\r\n\0\r\nMAIL", 10)},
      {std::string("a\r\n\0.\r\nMAIL", 11), "NUL ", std::string("a\r\n\0.\r\nMAIL", 11)},
      {std::string("a\r\0\n.\r\nMAIL", 11), "CR LF NUL ", std::string("a \0\r\n.\r\nMAIL", 12)},
      {"\n.\r\nMAIL", "LF ", "\r\n.\r\nMAIL"},
      {"\r.\r\nMAIL", "CR ", " .\r\nMAIL"},
  };
  for (const Row& row : rows) {
    for (const auto& way : test::all_splits(row.input)) {
      BOOST_TEST_CONTEXT(row.input) {
        const Decoded refused = decode(way);
        BOOST_TEST(!refused.done);
        BOOST_TEST(refused.problems == row.problems);
        const Decoded normalised = decode(way, BareLineEnds::kNormalise);
        BOOST_TEST(!normalised.done);
        BOOST_TEST(normalised.content == row.normalised);
        BOOST_TEST(!test::has_bare_line_ends(normalised.content));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(lines_may_have_10000_octets) {
  for (const auto& [length, problems] : {std::pair{9'998, ""}, std::pair{9'999, "LONG "}}) {
    const std::string input = "a\r\n" + std::string(static_cast<std::size_t>(length), 'x') + "\r\nb\r\n.\r\n";
    for (const auto& way : test::all_splits(input, 3)) {
      const Decoded decoded = decode(way);
      BOOST_TEST(decoded.done);
      BOOST_TEST(decoded.problems == problems);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_stuffed_is_decoded_to_the_same) {
  for (const std::string& message :
       {std::string("a\r\n"), std::string(".\r\n"), std::string("..\r\n.a\r\n\r\n.\r\n"), std::string(""),
        std::string("\r\n.\r\n.\r\n")}) {
    const std::string wire = test::dot_stuffed_message(message);
    for (const auto& way : test::all_splits(wire)) {
      const Decoded decoded = decode(way);
      BOOST_TEST(decoded.done);
      BOOST_TEST(decoded.rest == "");
      BOOST_TEST(decoded.content == message);
      BOOST_TEST(decoded.problems == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(stuffing_knows_parts_and_unfinished_lines) {
  BOOST_TEST(test::dot_stuffed_message(".a\r\n.b\r\nc.\r\n") == "..a\r\n..b\r\nc.\r\n.\r\n");
  BOOST_TEST(test::dot_stuffed_message("a\n.\n\r\n") == "a\n..\n\r\n.\r\n");
  BOOST_TEST(test::dot_stuffed_message("a") == "a\r\n.\r\n");
  BOOST_TEST(test::dot_stuffed_message("") == ".\r\n");
  // In parts, wherever they are cut.
  const std::string dots = ".a\r\n.\r\n..b\n.c.\r\n.";
  for (std::size_t first = 0; first <= dots.size(); ++first) {
    for (std::size_t second = first; second <= dots.size(); ++second) {
      DotStuffing parts(3);
      parts.append(std::string_view(dots).substr(0, first));
      parts.append(std::string_view(dots).substr(first, second - first));
      parts.append(std::string_view(dots).substr(second));
      BOOST_TEST(std::move(parts).finish() == test::dot_stuffed_message(dots));
    }
  }
}

BOOST_AUTO_TEST_CASE(bare_line_ends_are_seen) {
  for (const char* good : {"", "a", "a\r\n", "\r\n\r\n", "a\r\nb"})
    BOOST_TEST(!test::has_bare_line_ends(good), good);
  for (const char* bad : {"\n", "\r", "a\nb\r\n", "a\r\r\n", "a\rb\r\n", "a\r\n\r", "\r\n\n"}) {
    BOOST_TEST(test::has_bare_line_ends(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(time_is_linear_in_the_octets_whatever_they_are) {
  for (const std::string& unit : {std::string("\r"), std::string("\n"), std::string("\r\n"),
                                  std::string("\r\n.a"), std::string("."), std::string("x")}) {
    const auto input = [&](std::size_t octets) {
      std::string all;
      while (all.size() < octets) all += unit;
      return all;
    };
    BOOST_TEST_CONTEXT("unit " << unit)
    test::check_linear("4 MB", 4'000'000, input,
                       [](const std::string& octets) { BOOST_TEST(!decode({octets}).done); });
  }
}

BOOST_AUTO_TEST_SUITE_END()
