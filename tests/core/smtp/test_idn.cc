#include <boost/test/unit_test.hpp>

#include "core/smtp/address.h"
#include "core/smtp/idn.h"
#include "core/smtp/path.h"

using namespace essaim;
using namespace essaim::smtp;

BOOST_AUTO_TEST_SUITE(idn)

BOOST_AUTO_TEST_CASE(both_forms_of_a_domain_become_the_same) {
  const std::pair<std::string, std::string> rows[] = {
      {"example.com", "example.com"},
      {"EXAMPLE.com", "example.com"},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"B\xc3\x9c"
       "CHER.Example",
       "xn--bcher-kva.example"},
      {"bu\xcc\x88"
       "cher.example",
       "xn--bcher-kva.example"},  // decomposed
      {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
      {"stra\xc3\x9f"
       "e.example",
       "xn--strae-oqa.example"},  // non-transitional: not "strasse"
      {"\xe4\xbe\x8b\xe5\xad\x90\xe3\x80\x82\xe4\xb8\xad",
       "xn--fsqu00a.xn--fiq"},  // the ideographic full stop
  };
  for (const auto& [text, ascii] : rows) {
    const auto got = domain_to_ascii(text);
    BOOST_TEST_CONTEXT(text) {
      BOOST_REQUIRE(got.ok());
      BOOST_TEST(*got == ascii);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_domain_is_refused) {
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += "\xc3\xbc.";
  for (const std::string& bad : {std::string("caf\xe9"), std::string("\xc3\xbc\0.example", 11), many,
                                 std::string("\xe2\x80\xae.example"),  // a direction mark
                                 std::string("\xcc\x88x.example"),     // begins with a combining mark
                                 [] {
                                   std::string label;
                                   for (int i = 0; i < 64; ++i) label += "\xc3\xbc";
                                   return label + ".example";
                                 }()}) {
    BOOST_TEST(!domain_to_ascii(bad).ok(), bad);
    BOOST_TEST(kept_domain("X." + bad) == "x." + bad, bad);
  }
}

BOOST_AUTO_TEST_CASE(an_address_is_kept_in_lower_case_and_with_a_labels) {
  BOOST_TEST(kept_address("Dev@B\xc3\xbc"
                          "cher.Example") == "dev@xn--bcher-kva.example");
  BOOST_TEST(kept_address("\"a@b\"@X.example") == "\"a@b\"@x.example");
  BOOST_TEST(kept_address("J\xc3\xb6rg") == "j\xc3\xb6rg");
  BOOST_TEST(kept_address("A@") == "a@");
  BOOST_TEST(kept_address("").empty());
}

BOOST_AUTO_TEST_CASE(mailboxes_take_u_labels_and_local_parts_in_utf8_where_allowed) {
  BOOST_TEST(parse_mailbox("a@b\xc3\xbc"
                           "cher.example")
                 ->domain == "xn--bcher-kva.example");
  BOOST_TEST(!parse_mailbox("\xc3\xbc@x").ok());
  const auto address = parse_mailbox(
      "\xc3\xbc.x@b\xc3\xbc"
      "cher.example",
      LocalPart::kUtf8);
  BOOST_REQUIRE(address.ok());
  BOOST_TEST(address->to_string() == "\xc3\xbc.x@xn--bcher-kva.example");
  BOOST_TEST(address->needs_smtputf8());
  BOOST_TEST(!parse_mailbox("a@b\xc3\xbc"
                            "cher.example")
                  ->needs_smtputf8());
  BOOST_TEST(parse_mailbox("\"\xc3\xbc x\"@y", LocalPart::kUtf8)->to_string() == "\"\xc3\xbc x\"@y");
  for (const char* bad : {"\xc2\x85@x", "\xc3@x", "a@\xc3\xbc..x", "a@-\xc3\xbc", "a@x\xe2\x84\x80y"})
    BOOST_TEST(!parse_mailbox(bad, LocalPart::kUtf8).ok(), bad);
}

BOOST_AUTO_TEST_CASE(paths_in_utf8_need_the_parameter) {
  struct Row {
    std::string argument;
    bool offered;
    std::string refused;
  };
  const Row rows[] = {
      {"FROM:<\xc3\xbc@x> SMTPUTF8", true, ""},
      {"FROM:<a@\xc3\xbc.x> SMTPUTF8 SIZE=1", true, ""},
      {"FROM:<a@x> SMTPUTF8", true, ""},
      {"FROM:<a@x> smtputf8=1", true, "501 5.5.4"},
      {"FROM:<a@x> SMTPUTF8", false, "555 5.5.4"},
      {"FROM:<\xc3\xbc@x>", true, "553 5.6.7"},
      {"FROM:<a@\xc3\xbc.x>", true, "553 5.6.7"},
      {"FROM:<\xc3\xbc@x>", false, "553 5.6.7"},
      {"FROM:<\xc3\xbc@x> SMTPUTF8", false, "553 5.6.7"},
      {"FROM:<\xfc@x> SMTPUTF8", true, "501 5.5.2"},
      {"FROM:<a@\xe2\x80\xae.x> SMTPUTF8", true, "501 5.1.7"},
      {"FROM:<a@x> \xc3\xbc", true, "501 5.5.4"},
      {"FROM:<a@x> SIZE=\xc3\xbc", true, "501 5.5.4"},
  };
  for (const Row& row : rows) {
    MailCommand command;
    const auto refused = parse_mail_argument(row.argument, &command, {.smtputf8 = row.offered, .dsn = false});
    BOOST_TEST((refused ? refused->to_string().substr(0, 9) : "") == row.refused, row.argument);
    if (!refused) BOOST_TEST(command.parameters.smtputf8);
  }
  RcptCommand rcpt;
  const Offered offered{.smtputf8 = true, .dsn = false};
  BOOST_TEST(!parse_rcpt_argument("TO:<\xc3\xbc@\xc3\xbc.x>", &rcpt, offered, true).has_value());
  BOOST_TEST((rcpt.forward_path == Address{"\xc3\xbc", "xn--tda.x"}));
  BOOST_TEST(parse_rcpt_argument("TO:<\xc3\xbc@x>", &rcpt, offered, false)->to_string().substr(0, 9) ==
             "553 5.6.7");
}

BOOST_AUTO_TEST_SUITE_END()
