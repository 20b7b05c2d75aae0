#include <boost/test/unit_test.hpp>

#include "core/mail/header_block.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

HeaderBlock parsed(const std::string& text) {
  Result<HeaderBlock> block = HeaderBlock::parse(text);
  BOOST_REQUIRE_MESSAGE(block.ok(), (block ? "" : block.error().message));
  return std::move(block).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(header_block)

BOOST_AUTO_TEST_CASE(every_message_comes_out_as_it_went_in) {
  for (const std::string& name : all_message_names()) {
    const std::string text = message(name);
    const HeaderBlock block = parsed(text);
    if (!block.ended_by_empty_line()) continue;  // those get the empty line that was missing
    BOOST_TEST((block.joined_with(std::string_view(text).substr(block.body_offset())) == text), name);
  }
}

BOOST_AUTO_TEST_CASE(fields_are_found_ignoring_case_and_unfolded) {
  const HeaderBlock block = parsed(message("odd_folding"));
  BOOST_TEST(block.value("from").value() == "mallory@author.example");
  BOOST_TEST(block.value("To").value() == "dev@lists.example");
  BOOST_TEST(block.value("subject").value() ==
             "folded before its first word \t  and with a blank line inside");
  BOOST_TEST(block.value("x-empty").value() == "");
  BOOST_TEST(!block.value("X-Nothing").has_value());
  BOOST_TEST(block.count("X-TABS") == 2U);
  BOOST_TEST(block.find_all("x-tabs")[0]->value() == "value");
  BOOST_TEST(block.find("Date")->value() == "Fri, 20 Nov 2026 11:00:00 +0100");
  BOOST_TEST(block.find("fROM")->raw() == "fROM:mallory@author.example\r\n");
  BOOST_TEST(block.find("to")->name() == "TO");
  BOOST_TEST(block.find("to")->raw_value() == "\t dev@lists.example");
}

BOOST_AUTO_TEST_CASE(a_line_that_is_no_field_ends_the_header_and_begins_the_body) {
  const std::string text = message("not_a_header_inside");
  const HeaderBlock block = parsed(text);
  BOOST_TEST(block.fields().size() == 2U);
  BOOST_TEST(!block.ended_by_empty_line());
  BOOST_TEST(text.substr(block.body_offset()).starts_with("this line is no field\r\nTo: dev"));
  BOOST_TEST(block.joined_with(std::string_view(text).substr(block.body_offset()))
                 .find("early\r\n\r\nthis line is no field\r\n") != std::string::npos);
}

// What the header is, and where the body begins, for input that readers are known to disagree about.
BOOST_AUTO_TEST_CASE(odd_beginnings_and_ends) {
  const struct {
    std::string text;
    std::size_t fields;
    std::size_t body;
    bool empty_line;
  } rows[] = {
      {"", 0, 0, false},
      {"\r\n", 0, 2, true},
      {"\r\nbody", 0, 2, true},
      {"A: b", 1, 4, false},
      {"A: b\r\n", 1, 6, false},
      {"A: b\r\n\r\n", 1, 8, true},
      {"A: b\r\n \r\n\r\nx", 1, 11, true},
      {" continuation of nothing\r\nA: b\r\n\r\n", 0, 0, false},
      {"no colon at all", 0, 0, false},
      {": no name\r\n\r\n", 0, 0, false},
      {"From x@y Fri Nov 20\r\nA: b\r\n\r\n", 0, 0, false},
      {">From x\r\nA: b\r\n\r\n", 0, 0, false},
      {"A: b\r\nno field\nwith a bare LF\r\n", 1, 6, false},
      {"A: b\r\nB\xc3\xa9: c\r\n\r\n", 1, 6, false},
      {"A b: c\r\n\r\n", 0, 0, false},
      {"A:\r\n\r\n", 1, 6, true},
      {"A: b\r\n\r\nraw\rbody\n\0here", 1, 8, true},
  };
  for (const auto& row : rows) {
    const HeaderBlock block = parsed(row.text);
    BOOST_TEST(block.fields().size() == row.fields, row.text);
    BOOST_TEST(block.body_offset() == row.body, row.text);
    BOOST_TEST(block.ended_by_empty_line() == row.empty_line, row.text);
  }
}

BOOST_AUTO_TEST_CASE(bare_line_ends_and_nul_in_a_field_are_refused) {
  for (const std::string& bad : {std::string("A: b\nC: d\r\n\r\n"), std::string("A: b\rC: d\r\n\r\n"),
                                 std::string("A: b\r\n\tc\n\r\n\r\n"), std::string("A: b\0c\r\n\r\n", 10),
                                 std::string("A: b\r\r\n\r\n"), std::string("A: b\n\nbody")}) {
    BOOST_TEST(!HeaderBlock::parse(bad).ok());
  }
}

BOOST_AUTO_TEST_CASE(limits_are_exact_and_named) {
  HeaderLimits limits;
  limits.bytes = 100;
  limits.fields = 3;
  const std::string field = "A: " + std::string(95, 'x') + "\r\n";  // 100 bytes
  BOOST_TEST(HeaderBlock::parse(field, limits).ok());
  BOOST_TEST(!HeaderBlock::parse("B" + field, limits).ok());
  BOOST_TEST(!HeaderBlock::parse(field + " y\r\n", limits).ok());
  BOOST_TEST(HeaderBlock::parse("A: b\r\n\r\n" + std::string(1000, 'x'), limits).ok());
  BOOST_TEST(HeaderBlock::parse(std::string(300'000, 'x')).ok());  // all body
  BOOST_TEST(HeaderBlock::parse("no field " + std::string(2000, 'x'), limits).ok());
  BOOST_TEST(HeaderBlock::parse("A:\r\nA:\r\nA:\r\n\r\n", limits).ok());
  const Result<HeaderBlock> many = HeaderBlock::parse("A:\r\nA:\r\nA:\r\nA:\r\n\r\n", limits);
  BOOST_REQUIRE(!many.ok());
  BOOST_TEST((many.error().code == ErrorCode::kInvalid));
  BOOST_TEST(many.error().message == "the header has more than 3 fields");
  BOOST_TEST(!HeaderBlock::parse("A: " + std::string(300'000, 'x') + "\r\n\r\n").ok());
}

BOOST_AUTO_TEST_CASE(edits_leave_the_other_bytes_alone) {
  const std::string text = message("odd_folding");
  HeaderBlock block = parsed(text);
  BOOST_REQUIRE(block.insert_raw_top("Received: from a by b").ok());
  BOOST_REQUIRE(block.insert_bottom("List-Id", "<dev.lists.example>").ok());
  BOOST_REQUIRE(block.set("to", "new@lists.example").ok());
  BOOST_TEST(block.remove("X-Tabs") == 2U);
  BOOST_REQUIRE(block.set("X-Fresh", "1").ok());
  std::string expected = header_of(text);
  const auto replace = [&expected](const std::string& from, const std::string& to) {
    BOOST_REQUIRE(expected.find(from) != std::string::npos);
    expected.replace(expected.find(from), from.size(), to);
  };
  replace("TO :\t dev@lists.example\r\n", "TO: new@lists.example\r\n");
  replace("X-Tabs:\t\tvalue\t\r\nx-tabs: again\r\n", "");
  expected.insert(0, "Received: from a by b\r\n");
  expected.insert(expected.size() - 2, "List-Id: <dev.lists.example>\r\nX-Fresh: 1\r\n");
  BOOST_TEST(block.serialise() == expected);
}

BOOST_AUTO_TEST_CASE(set_leaves_one_field_of_a_name) {
  HeaderBlock block = parsed("Reply-To: a\r\nX: 1\r\nreply-to: b\r\n\r\n");
  BOOST_REQUIRE(block.set("Reply-To", "c").ok());
  BOOST_TEST(block.serialise() == "Reply-To: c\r\nX: 1\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(injection_is_refused_and_changes_nothing) {
  HeaderBlock block = parsed("A: b\r\n\r\n");
  for (const std::string& bad : {std::string("x\r\nEvil: y"), std::string("x\ny"), std::string("x\ry"),
                                 std::string("x\0y", 3), std::string(2000, 'w')}) {
    BOOST_TEST(!block.insert_bottom("X", bad).ok());
    BOOST_TEST(!block.set("A", bad).ok());
  }
  for (const char* name : {"", "A B", "A:", "A\r\nB", "\xc3\xa9"})
    BOOST_TEST(!block.insert_bottom(name, "x").ok(), name);
  for (const char* raw : {"", "x", "A: b\r\nB: c", "A: b\r\n\r\n", "A: b\r\n\r\nbody", "A: b\nB: c"}) {
    BOOST_TEST(!block.insert_raw_top(raw).ok(), raw);
  }
  BOOST_TEST(block.serialise() == "A: b\r\n\r\n");
  BOOST_TEST(block.insert_raw_top("R: folded\r\n here").ok());
  BOOST_TEST(block.serialise() == "R: folded\r\n here\r\nA: b\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(new_fields_are_folded_at_white_space) {
  BOOST_TEST(format_field("A", "b c").value() == "A: b c\r\n");
  BOOST_TEST(format_field("A", "").value() == "A:\r\n");
  std::string value;
  for (int i = 0; i < 40; ++i) value += "<mailto:word" + std::to_string(i) + "@lists.example>, ";
  const std::string field = format_field("List-Help", value).value();
  std::string unwound;
  for (std::size_t at = 0; at < field.size();) {
    const std::size_t end = field.find("\r\n", at);
    BOOST_TEST(end - at <= 78U);
    BOOST_TEST(field.find_first_not_of(" \t", at) < end);
    unwound += field.substr(at, end - at);
    at = end + 2;
  }
  BOOST_TEST(unwound + " " == "List-Help: " + value);
  // A long word cannot be folded, and is not broken.
  const std::string url(300, 'u');
  BOOST_TEST(format_field("X", "a " + url + " b").value() == "X: a\r\n " + url + "\r\n b\r\n");
  BOOST_TEST(format_field("X", url).value() == "X: " + url + "\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
