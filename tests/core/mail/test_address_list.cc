#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/smtp/address.h"
#include "tests/core/mail/messages.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

std::string addr_spec(const Mailbox& mailbox) {
  return smtp::Address{mailbox.local, mailbox.domain}.to_string();
}

// "name|addr-spec" of each mailbox, joined with "; ", then the number skipped if any.
std::string shown(const std::string& value) {
  const AddressList list = parse_address_list(value);
  std::string out;
  for (const Mailbox& m : list.mailboxes) out += (out.empty() ? "" : "; ") + m.name + "|" + addr_spec(m);
  if (list.skipped > 0) out += " -" + std::to_string(list.skipped);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(address_list)

BOOST_AUTO_TEST_CASE(mailboxes_are_read_as_rfc_5322_writes_them) {
  const struct {
    const char* value;
    const char* shown;
  } rows[] = {
      {"a@b.example", "|a@b.example"},
      {" <a@B.Example> ", "|a@b.example"},
      {"Alice <A.Lice@b.example>", "Alice|A.Lice@b.example"},
      {"\"Doe, \\\"J\\\" John\" <j@b.example>, Bob Q. B <b@b.example>",
       "Doe, \"J\" John|j@b.example; Bob Q. B|b@b.example"},
      {"a@b.example (Alice (the first) \\) A)", "Alice (the first) ) A|a@b.example"},
      {"a (c) @ (d) b (e) . (f) example", "f|a@b.example"},
      {"\"john smith\"@b.example", "|\"john smith\"@b.example"},
      {"\"x\\\"y\"@b.example", "|\"x\\\"y\"@b.example"},
      {"\"plain\"@b.example", "|plain@b.example"},
      {"a@[192.0.2.1]", "|a@[192.0.2.1]"},
      {"X <@r.example,@s.example:a@b.example>", "X|a@b.example"},
      {"Team: a@b.example, Bob <b@b.example>; c@d.example", "|a@b.example; Bob|b@b.example; |c@d.example"},
      {"undisclosed-recipients:;", ""},
      {",, a@b.example ,,", "|a@b.example"},
      {"=?utf-8?Q?H=C3=A9l=C3=A8ne?= <h@b.example>", "=?utf-8?Q?H=C3=A9l=C3=A8ne?=|h@b.example"},
      {"J\xc3\xb6rg <j@b.example>", "J\xc3\xb6rg|j@b.example"},
      {"a@b.example,\r\n c@d.example", "|a@b.example; |c@d.example"},
      {"bob@work.example <bob@b.example>", "bob@work.example|bob@b.example"},
      {"first last@b.example", " -1"},
      {"Doe, John <j@b.example>", "John|j@b.example -1"},
      {"a@b@c.example", " -1"},
      {"a@b..example, @c.example, d@, <>, e", " -5"},
      {"<a@b.example> <c@d.example>", " -1"},
      {"<a@b.example> trailing", " -1"},
      {"<a@b.example", " -1"},
      {"\"open <a@b.example>", " -1"},
      {"(open a@b.example", " -1"},
      {"a@b.ex\x01mple", " -1"},
      {"", ""},
  };
  for (const auto& row : rows) BOOST_TEST(shown(row.value) == row.shown, row.value);
}

BOOST_AUTO_TEST_CASE(addresses_written_are_read_again) {
  for (const char* local : {"a", "a.b", "john smith", "a\"b", "a\\b", ".a", "a..b", "a@b", "a,b", "a(b)"}) {
    Mailbox mailbox;
    mailbox.local = local;
    mailbox.domain = "b.example";
    const AddressList again = parse_address_list("N <" + addr_spec(mailbox) + ">");
    BOOST_REQUIRE_MESSAGE(again.mailboxes.size() == 1, local);
    BOOST_TEST(again.mailboxes[0].local == local);
  }
}

BOOST_AUTO_TEST_CASE(the_limit_holds_and_is_told) {
  const AddressList three = parse_address_list("a@x.example, b@x.example, c@x.example", 2);
  BOOST_TEST(three.mailboxes.size() == 2U);
  BOOST_TEST(three.truncated);
  const AddressList two = parse_address_list("a@x.example, b@x.example, ", 2);
  BOOST_TEST(!two.truncated);
}

BOOST_AUTO_TEST_CASE(it_is_told_where_others_may_read_somebody_else) {
  const struct {
    const char* value;
    bool names_others;
  } rows[] = {
      {"Rector <r@uni.example> ., eve@x.example", true},
      {"r@uni.example r@uni.example, eve@x.example", true},
      {"=?utf-8?q?Rector_=3Cr=40uni=2Eexample=3E?=, eve@x.example", true},
      {"=?utf-8?b?cg==?=@uni.example eve, eve@x.example", true},
      {"Rector <r@uni.example>: eve@x.example;", true},
      {"r@uni.example: eve@x.example;", true},
      {"eve@x.example, Rector <r@uni.example", true},
      {"eve@x.example", false},
      {"Smith, John <j@x.example>", false},
      {"=?utf-8?q?Smith?=, John <j@x.example>", false},
      {"\"r@uni.example\" <j@x.example>", false},
      {"j@x.example <j@x.example>", false},
      {"Bees: a@x.example, b@x.example;", false},
      {"undisclosed-recipients:;", false},
      {"<@relay.example:j@x.example>, (a@b.example) ,", false},
      {"", false},
  };
  for (const auto& row : rows)
    BOOST_TEST(parse_address_list(row.value).may_name_others() == row.names_others, row.value);
}

BOOST_AUTO_TEST_CASE(names_are_written_bare_quoted_or_encoded) {
  BOOST_TEST(format_mailbox("", "a@b.example") == "a@b.example");
  BOOST_TEST(format_mailbox("Alice Example", "a@b.example") == "Alice Example <a@b.example>");
  BOOST_TEST(format_mailbox("Doe, \"J\" \\", "a@b.example") == "\"Doe, \\\"J\\\" \\\\\" <a@b.example>");
  BOOST_TEST(format_mailbox("A. B", "a@b.example") == "\"A. B\" <a@b.example>");
  BOOST_TEST(format_mailbox("H\xc3\xa9l\xc3\xa8ne", "h@b.example") ==
             "=?UTF-8?Q?H=C3=A9l=C3=A8ne?= <h@b.example>");
  BOOST_TEST(format_mailbox("x\r\nBcc: y", "a@b.example") == "\"x  Bcc: y\" <a@b.example>");
  // A name that pretends to be encoded must not be decoded into something else.
  const std::string fake = "=?utf-8?Q?admin=40b.example?=";
  const AddressList list = parse_address_list(format_mailbox(fake, "a@b.example"));
  BOOST_REQUIRE(list.mailboxes.size() == 1);
  BOOST_TEST(decode_encoded_words(list.mailboxes[0].name) == fake);
}

BOOST_AUTO_TEST_CASE(lists_in_one_word_get_blanks_where_they_may_be_folded) {
  const struct {
    const char* before;
    const char* after;
  } rows[] = {
      {"a@b,c@d, e@f,\tg@h,", "a@b, c@d, e@f,\tg@h,"},
      {"\"Doe,\\\",J\"<a@b>,c@d (x,\\),(y,z),),e@f", "\"Doe,\\\",J\"<a@b>, c@d (x,\\),(y,z),), e@f"},
      {"<@x,@y:a@b>,<c@d>", "<@x,@y:a@b>, <c@d>"},
      {"<1@a><2@b>\t<3@c>", "<1@a> <2@b>\t<3@c>"},
      {"\"a", "\"a"},
      {"(a\\", "(a\\"},
      {"", ""},
  };
  for (const auto& row : rows) {
    BOOST_TEST(with_blanks(row.before) == row.after);
    BOOST_TEST(with_blanks(row.after) == row.after);
  }
}

BOOST_AUTO_TEST_CASE(a_long_to_is_read_whole) {
  const Result<HeaderBlock> header = HeaderBlock::parse(message("long_header"));
  BOOST_REQUIRE(header.ok());
  BOOST_TEST(parse_address_list(header->find("To")->raw_value()).mailboxes.size() == 400U);
}

BOOST_AUTO_TEST_SUITE_END()
