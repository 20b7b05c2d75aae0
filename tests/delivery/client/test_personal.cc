#include <boost/test/unit_test.hpp>

#include "delivery/mailbox_text.h"
#include "delivery/personal.h"
#include "tests/delivery/client/session_bench.h"

using namespace essaim;
using namespace essaim::delivery;

namespace {

std::string filled(std::string_view text, const storage::BatchRecipient& recipient) {
  std::string out;
  Template::compile(text).value().fill({}, recipient, bench::FakeMinter(), &out);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(personal_copies)

BOOST_AUTO_TEST_CASE(slots_are_filled_for_the_recipient) {
  const storage::BatchRecipient ann{7, "ann", "x.example"};
  struct Row {
    const char* text;
    const char* expected;
  };
  for (const auto& [text, expected] : {
           Row{"", ""},
           Row{"l-bounces@lists.example", "l-bounces@lists.example"},
           Row{"l-bounces+{verp}@lists.example", "l-bounces+v7@lists.example"},
           Row{"{leave}{verp}{address}", "l7v7ann@x.example"},
           Row{"a {{verp} b } {{", "a {verp} b } {"},
       }) {
    BOOST_TEST(filled(text, ann) == expected);
  }
}

BOOST_AUTO_TEST_CASE(only_a_template_with_slots_differs_between_recipients) {
  BOOST_TEST(Template().constant());
  BOOST_TEST(Template::compile("{{verp}").value().constant());
  BOOST_TEST(!Template::compile("x{verp}").value().constant());
}

BOOST_AUTO_TEST_CASE(an_unknown_slot_or_an_open_brace_is_refused) {
  for (const char* text : {"{", "a{verp", "{name}", "{}", "{ verp}", "{VERP}"}) {
    const auto result = Template::compile(text);
    BOOST_TEST(!result.ok(), text);
    if (!result.ok()) BOOST_TEST((result.error().code == ErrorCode::kInvalid));
  }
}

BOOST_AUTO_TEST_CASE(an_address_cannot_break_out_of_its_header) {
  BOOST_TEST(filled("X: {address}\r\n", {1, "a\r\nBcc: b", "x.example"}) == "X: \r\n");
  BOOST_TEST(filled("X: {address}\r\n", {1, "a", "x.example\r\nY: z"}) == "X: \r\n");
  BOOST_TEST(filled("X: {address}\r\n", {1, "john smith", "x.example"}) == "X: \"john smith\"@x.example\r\n");
}

BOOST_AUTO_TEST_CASE(addresses_are_quoted_where_they_must_be) {
  struct Row {
    std::string local, domain, expected;  // "": cannot be sent
  };
  for (const auto& row : {
           Row{"ann", "x.example", "ann@x.example"},
           Row{"a.b+c=d_e-f", "x.example", "a.b+c=d_e-f@x.example"},
           Row{"john smith", "x.example", "\"john smith\"@x.example"},
           Row{"a\"b\\c", "x.example", "\"a\\\"b\\\\c\"@x.example"},
           Row{".a", "x.example", "\".a\"@x.example"},
           Row{"a..b", "x.example", "\"a..b\"@x.example"},
           Row{"a>b", "x.example", "\"a>b\"@x.example"},
           Row{"a@b", "x.example", "\"a@b\"@x.example"},
           Row{"o'brien", "x.example", "o'brien@x.example"},
           Row{"ann", "[192.0.2.1]", "ann@[192.0.2.1]"},
           Row{"ann", "", ""},
           Row{"", "x.example", ""},
           Row{"a\nb", "x.example", ""},
           Row{"a\rb", "x.example", ""},
           Row{std::string("a\0b", 3), "x.example", ""},
           Row{"\xc3\xa9", "x.example", ""},
           Row{"ann", "x.example> SIZE=1", ""},
           Row{"ann", "x\r\nRSET", ""},
           Row{"ann", "x\xc3\xa9.example", ""},
           Row{std::string(300, 'a'), "x.example", ""},
       }) {
    std::string out = "|";
    const bool ok = append_mailbox(row.local, row.domain, &out);
    BOOST_TEST(ok == !row.expected.empty());
    BOOST_TEST(out == "|" + row.expected);
  }
}

BOOST_AUTO_TEST_CASE(a_header_block_is_whole_lines_or_nothing) {
  for (const char* good : {"", "A: b\r\n", "A: b\r\n c\r\nD: e\r\n", "A: .b\r\n"})
    BOOST_TEST(is_safe_header_block(good), good);
  for (const char* bad : {"A: b", "A: b\n", "A: b\r", "A\rB: c\r\n", "A: b\r\r\n", ".A: b\r\n",
                          "A: b\r\n.c\r\n", "\n", "\r", "A: b\r\n\n", "A\nB\r\n"})
    BOOST_TEST(!is_safe_header_block(bad), bad);
  BOOST_TEST(!is_safe_header_block(std::string_view("A:\0\r\n", 5)));
}

BOOST_AUTO_TEST_CASE(a_reverse_path_stays_within_its_brackets) {
  for (const char* good : {"", "a@x.example", "\"a b>\"@x.example"})
    BOOST_TEST(is_safe_reverse_path(good), good);
  for (const char* bad : {"a b@x", "a>@x", "a\r\nRSET", "a\n", "\xc3\xa9@x"})
    BOOST_TEST(!is_safe_reverse_path(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()
