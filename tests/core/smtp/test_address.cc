#include <boost/test/unit_test.hpp>

#include "core/smtp/address.h"

using namespace essaim;
using smtp::Address;
using smtp::parse_mailbox;

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(mailboxes_are_read_and_written) {
  struct Row {
    const char* text;
    Address address;
    const char* written;
  };
  const Row rows[] = {
      {"a@b", {"a", "b"}, "a@b"},
      {"John.Smith@Example.ORG", {"John.Smith", "example.org"}, "John.Smith@example.org"},
      {"\"john smith\"@example.org", {"john smith", "example.org"}, "\"john smith\"@example.org"},
      {"\"plain\"@example.org", {"plain", "example.org"}, "plain@example.org"},
      {"\"a\\\"b\\\\c\"@x.y", {"a\"b\\c", "x.y"}, "\"a\\\"b\\\\c\"@x.y"},
      {"\"a@b\"@x.y", {"a@b", "x.y"}, "\"a@b\"@x.y"},
      {"a@[192.0.2.1]", {"a", "[192.0.2.1]"}, "a@[192.0.2.1]"},
      {"a@[IPv6:2001:DB8::1]", {"a", "[ipv6:2001:db8::1]"}, "a@[ipv6:2001:db8::1]"},
      {"dev-bounces+x=y.z@host_1.example",
       {"dev-bounces+x=y.z", "host_1.example"},
       "dev-bounces+x=y.z@host_1.example"},
      {"${run{/bin/sh}}@x", {"${run{/bin/sh}}", "x"}, "${run{/bin/sh}}@x"},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_mailbox(row.text);
    BOOST_TEST_CONTEXT(row.text) {
      BOOST_REQUIRE(parsed.ok());
      BOOST_TEST((*parsed == row.address));
      BOOST_TEST(parsed->to_string() == row.written);
      BOOST_TEST((*parse_mailbox(parsed->to_string()) == row.address));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_mailbox_is_refused) {
  const std::string rows[] = {"",
                              "a",
                              "@b",
                              "a@",
                              "\"\"@x",
                              "a..b@x",
                              ".a@x",
                              "a.@x",
                              "a b@x",
                              "a@b c",
                              "a@-b",
                              "a@b-",
                              "a@b..c",
                              "a@b.",
                              "a@.b",
                              "<a@b>",
                              "a@b>",
                              "a;b@x@y",
                              "\"a@x",
                              "\"a\\",
                              "a@[1.2.3]",
                              "a@[1.2.3.4",
                              "a@[IPv6:zz]",
                              "a@[tag:x]",
                              std::string("a\0@x", 4),
                              std::string("a@[1.2.3.4\0]", 12),
                              "\"a\nb\"@x",
                              "caf\xc3\xa9@x",
                              "a@caf\xe9",
                              "\"a\"b@x",
                              "a@" + std::string(64, 'x'),
                              "a@" + std::string(260, 'x'),
                              std::string(300, 'a') + "@x"};
  for (const std::string& row : rows) BOOST_TEST(!parse_mailbox(row).ok(), row);
}

BOOST_AUTO_TEST_CASE(the_error_says_what_is_wrong) {
  BOOST_TEST(parse_mailbox("joe").error().message == "'joe' is not an address: it has no @domain");
}

BOOST_AUTO_TEST_CASE(the_same_person_however_written_has_one_key) {
  BOOST_TEST(parse_mailbox("\"JOHN\"@x")->local_key() == parse_mailbox("john@x")->local_key());
}

BOOST_AUTO_TEST_CASE(the_null_path_and_the_bare_postmaster_have_their_forms) {
  BOOST_TEST(Address{}.empty());
  BOOST_TEST(Address{}.to_string() == "");
  BOOST_TEST((Address{"postmaster", ""}.to_string() == "postmaster"));
}

BOOST_AUTO_TEST_CASE(spellings_of_one_mailbox_have_one_key) {
  const std::pair<std::string, std::string> rows[] = {
      {"John.Smith", "john.smith"},
      {"J\xc3\x96RG", "j\xc3\xb6rg"},
      {"jo\xcc\x88rg", "j\xc3\xb6rg"},  // decomposed
      {"\xce\x91\xce\x94", "\xce\xb1\xce\xb4"},
      {"stra\xc3\x9f"
       "e",
       "stra\xc3\x9f"
       "e"},  // not "strasse", who is somebody else
      {"I\xc4\xb1", "i\xc4\xb1"},
      {"\xe4\xbe\x8b", "\xe4\xbe\x8b"},
      {"X\xff", "x\xff"},  // no UTF-8
  };
  for (const auto& [local, key] : rows) {
    BOOST_TEST_CONTEXT(local) {
      BOOST_TEST((Address{local, "b"}.local_key()) == key);
      BOOST_TEST((Address{key, "b"}.local_key()) == key);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
