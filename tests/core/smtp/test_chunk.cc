#include <limits>
#include <string>

#include <boost/test/unit_test.hpp>

#include "core/smtp/chunk.h"
#include "core/smtp/data_decoder.h"
#include "tests/support/feeding.h"

using namespace essaim::smtp;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(chunk)

BOOST_AUTO_TEST_CASE(arguments_of_bdat_are_read) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  struct Row {
    const char* argument;
    bool size_known, well_formed, last;
    std::uint64_t size;
  };
  const Row rows[] = {
      {"0", true, true, false, 0},
      {"10", true, true, false, 10},
      {"10 LAST", true, true, true, 10},
      {"10  last", true, true, true, 10},
      {"0 LAST", true, true, true, 0},
      {"00010", true, true, false, 10},
      {"18446744073709551615", true, true, false, kMost},
      {"18446744073709551616", true, true, false, kMost},
      {"99999999999999999999 LAST", true, true, true, kMost},
      {"100000000000000000000", false, false, false, 0},
      {"10 FIRST", true, false, false, 10},
      {"10 LAST LAST", true, false, false, 10},
      {"10 LASTX", true, false, false, 10},
      {"", false, false, false, 0},
      {"LAST", false, false, false, 0},
      {"-1", false, false, false, 0},
      {"+1", false, false, false, 0},
      {"1x", false, false, false, 0},
      {"0x10", false, false, false, 0},
      {"1\tLAST", false, false, false, 0},
  };
  for (const Row& row : rows) {
    const ChunkArgument got = parse_chunk_argument(row.argument);
    BOOST_TEST_CONTEXT(row.argument) {
      BOOST_TEST(got.size_known == row.size_known);
      BOOST_TEST(got.well_formed == row.well_formed);
      BOOST_TEST(got.last == row.last);
      BOOST_TEST(got.size == row.size);
    }
  }
}

struct Collected final : DataDecoder::Sink {
  void on_message_data(std::string_view bytes) override { text += bytes; }
  std::string text;
};

BOOST_AUTO_TEST_CASE(counted_content_keeps_its_dots_and_ends_with_a_line) {
  struct Row {
    std::string input, output;
    BareLineEnds mode;
    bool spoiled;
  };
  const auto refuse = BareLineEnds::kRefuse;
  const auto normalise = BareLineEnds::kNormalise;
  const Row rows[] = {
      {"", "", refuse, false},
      {"a\r\n", "a\r\n", refuse, false},
      {"a", "a\r\n", refuse, false},
      {".\r\n..\r\n.x\r\n", ".\r\n..\r\n.x\r\n", refuse, false},
      {"a\r\n.\r\nMAIL FROM:<a@b>\r\n", "a\r\n.\r\nMAIL FROM:<a@b>\r\n", refuse, false},
      {"\r\n", "\r\n", refuse, false},
      {"a\r", "a \r\n", refuse, true},
      {"a\r", "a \r\n", normalise, false},
      {"\r", " \r\n", normalise, false},
      {"a\n", "a\r\n", refuse, true},
      {"a\n", "a\r\n", normalise, false},
      {"a\nb", "a\r\nb\r\n", normalise, false},
      {"a\rb\r\n", "a b\r\n", normalise, false},
      {std::string("a\0\r\n", 4), std::string("a\0\r\n", 4), normalise, true},
      {std::string(9'999, 'x') + "\r\n", std::string(9'999, 'x') + "\r\n", normalise, true},
  };
  for (const Row& row : rows) {
    for (const auto& way : all_splits(row.input)) {
      DataDecoder decoder(row.mode, Framing::kCounted);
      Collected sink;
      for (const std::string_view piece : way) BOOST_TEST(decoder.feed(piece, &sink) == piece.size());
      decoder.finish(&sink);
      BOOST_TEST(sink.text == row.output);
      BOOST_TEST(decoder.spoiled() == row.spoiled);
      BOOST_TEST(decoder.done());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
