#include <limits>

#include <boost/test/unit_test.hpp>

#include "core/smtp/command.h"
#include "core/smtp/path.h"
#include "core/smtp/xtext.h"

using namespace essaim;
using namespace essaim::smtp;

BOOST_AUTO_TEST_SUITE(path)

BOOST_AUTO_TEST_CASE(mail_arguments_are_read) {
  struct Row {
    const char* argument;
    Address address;
    std::optional<std::uint64_t> size;
    bool body_8bit;
  };
  const Row rows[] = {
      {"FROM:<a@b>", {"a", "b"}, {}, false},
      {"from:<>", {}, {}, false},
      {"FROM: <a@b>", {"a", "b"}, {}, false},
      {"FROM:<@relay.x,@other.y:a@b>", {"a", "b"}, {}, false},
      {"FROM:<\"a b>\"@c> SIZE=10 BODY=8BITMIME", {"a b>", "c"}, 10, true},
      {"FROM:<a@b> body=7bit size=0", {"a", "b"}, 0, false},
      {"FROM:<a@[192.0.2.1]>", {"a", "[192.0.2.1]"}, {}, false},
      {"FROM:<a@b> SIZE=9223372036854775808", {"a", "b"}, 9223372036854775808ULL, false},
      {"FROM:<a@b> SIZE=99999999999999999999", {"a", "b"}, std::numeric_limits<std::uint64_t>::max(), false},
      {"FROM:<bounces+0123456789-0123456789-0123456789-0123456789-user=example.com@x.example>",
       {"bounces+0123456789-0123456789-0123456789-0123456789-user=example.com", "x.example"},
       {},
       false},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.argument) {
      MailCommand command;
      const auto refused = parse_mail_argument(row.argument, &command);
      BOOST_TEST(!refused.has_value());
      BOOST_TEST((command.reverse_path == row.address));
      BOOST_TEST((command.parameters.size == row.size));
      BOOST_TEST(command.parameters.body_8bit == row.body_8bit);
    }
  }
}

BOOST_AUTO_TEST_CASE(requiretls_is_read_where_it_is_offered_and_has_no_value) {
  const Offered offered{.require_tls = true};
  MailCommand command;
  BOOST_TEST(!parse_mail_argument("FROM:<a@b> size=1 requiretls", &command, offered).has_value());
  BOOST_TEST(command.parameters.require_tls);
  BOOST_TEST(parse_mail_argument("FROM:<a@b> REQUIRETLS=yes", &command, offered)->code == 501);
  BOOST_TEST(parse_mail_argument("FROM:<a@b> REQUIRETLS REQUIRETLS", &command, offered)->code == 501);
  BOOST_TEST(parse_mail_argument("FROM:<a@b> REQUIRETLS", &command)->code == 555);
  RcptCommand rcpt;
  BOOST_TEST(parse_rcpt_argument("TO:<a@b> REQUIRETLS", &rcpt, offered)->code == 555);
}

BOOST_AUTO_TEST_CASE(wrong_mail_arguments_get_their_replies) {
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += " P" + std::to_string(i) + "=1";
  const std::pair<std::string, std::string> rows[] = {
      {"", "501 5.5.4"},
      {"TO:<a@b>", "501 5.5.4"},
      {"FROM", "501 5.5.4"},
      {"FROM:", "501 5.1.7"},
      {"FROM:a@b", "501 5.1.7"},
      {"FROM:<a@b", "501 5.1.7"},
      {"FROM:<a>", "501 5.1.7"},
      {"FROM:<postmaster>", "501 5.1.7"},
      {"FROM:<a@b>>", "501 5.1.7"},
      {"FROM:<a@b>SIZE=1", "501 5.1.7"},
      {"FROM:<\"\"@x>", "501 5.1.7"},
      {"FROM:<@x:>", "501 5.1.7"},
      {"FROM:<@x,a@b>", "501 5.1.7"},
      {"FROM:<" + std::string(250, 'a') + "@bcdef>", "501 5.1.7"},
      {"FROM:<a@b> SIZE", "501 5.5.4"},
      {"FROM:<a@b> SIZE=", "501 5.5.4"},
      {"FROM:<a@b> SIZE=-1", "501 5.5.4"},
      {"FROM:<a@b> SIZE=1x", "501 5.5.4"},
      {"FROM:<a@b> SIZE=100000000000000000000", "501 5.5.4"},
      {"FROM:<a@b> SIZE=1 size=1", "501 5.5.4"},
      {"FROM:<a@b> =1", "501 5.5.4"},
      {"FROM:<a@b> SIZE=1=2", "501 5.5.4"},
      {"FROM:<a@b> -A=1", "501 5.5.4"},
      {"FROM:<a@b> BODY=BINARYMIME", "501 5.5.4"},
      {"FROM:<a@b> SMTPUTF8", "555 5.5.4"},
      {"FROM:<a@b> RET=FULL", "555 5.5.4"},
      {"FROM:<a@b> AUTH=<>", "555 5.5.4"},
      {"FROM:<a@b>" + many, "501 5.5.4"},
  };
  for (const auto& [argument, expected] : rows) {
    MailCommand command;
    const auto refused = parse_mail_argument(argument, &command);
    BOOST_TEST_CONTEXT(argument) {
      BOOST_REQUIRE(refused.has_value());
      BOOST_TEST(refused->to_string().substr(0, 9) == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(rcpt_arguments_are_read) {
  struct Row {
    const char* argument;
    Address address;
    const char* refused;
  };
  const Row rows[] = {
      {"TO:<a@b>", {"a", "b"}, ""},
      {"to:  <a@b>", {"a", "b"}, ""},
      {"TO:<PostMaster>", {"postmaster", ""}, ""},
      {"TO:<Postmaster@X>", {"Postmaster", "x"}, ""},
      {"TO:<@a,@b:c@d>", {"c", "d"}, ""},
      {"TO:<a%b@c>", {"a%b", "c"}, ""},
      {"TO:<>", {}, "501 5.1.3"},
      {"TO:<abuse>", {}, "501 5.1.3"},
      {"TO:<\"\"@x>", {}, "501 5.1.3"},
      {"TO:<a@b> NOTIFY=NEVER", {}, "555 5.5.4"},
      {"TO:<a@b> X Y X", {}, "501 5.5.4"},
      {"FROM:<a@b>", {}, "501 5.5.4"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.argument) {
      RcptCommand command;
      const auto refused = parse_rcpt_argument(row.argument, &command);
      BOOST_TEST((refused ? refused->to_string().substr(0, 9) : "") == row.refused);
      if (!refused) BOOST_TEST((command.forward_path == row.address));
    }
  }
}

BOOST_AUTO_TEST_CASE(commands_are_split) {
  struct Row {
    std::string line;
    Verb verb;
    std::string argument;
  };
  const Row rows[] = {{"mail FROM:<a@b> ", Verb::kMail, "FROM:<a@b>"},
                      {"NOOP", Verb::kNoop, ""},
                      {"QUIT  ", Verb::kQuit, ""},
                      {"EHLO\tx", Verb::kEhlo, "x"},
                      {"", Verb::kUnknown, ""},
                      {" EHLO x", Verb::kUnknown, "EHLO x"},
                      {"STARTTLSX", Verb::kUnknown, ""},
                      {"MAILFROM", Verb::kUnknown, ""}};
  for (const Row& row : rows) {
    const Command command = split_command(row.line);
    BOOST_TEST((command.verb == row.verb), row.line);
    BOOST_TEST(command.argument == row.argument, row.line);
  }
}

BOOST_AUTO_TEST_CASE(controls_and_8_bit_octets_are_seen) {
  BOOST_TEST(!has_forbidden_octets("MAIL FROM:<a@b>\tX"));
  for (const std::string& line :
       {std::string("NO\0OP", 5), std::string("a\rb"), std::string("\x80"), std::string("\x7f")}) {
    BOOST_TEST(has_forbidden_octets(line));
  }
}

BOOST_AUTO_TEST_CASE(helo_names_are_tolerated_but_no_nonsense) {
  for (const char* good : {"x", "[192.0.2.1]", "my_host", "*", "$(id)", "-x"})
    BOOST_TEST(is_helo_name(good), good);
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\x1b"), std::string(256, 'x')}) {
    BOOST_TEST(!is_helo_name(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(xtext_is_decoded_strictly) {
  BOOST_TEST(xtext_decoded("a+2Bb+3D+20c").value() == "a+b= c");
  BOOST_TEST(xtext_decoded("").value() == "");
  for (const char* bad :
       {"+", "+2", "+2b", "+GG", "a b", "a=b", "+00", "+0D+0A", "+7F", "+1B", "caf\xc3\xa9"}) {
    BOOST_TEST(!xtext_decoded(bad).has_value(), bad);
  }
  for (const char* text : {"plain", "a+b=c d", "caf\xc3\xa9"})
    BOOST_TEST(*xtext_decoded(xtext_encoded(text)) == text);
}

BOOST_AUTO_TEST_SUITE_END()
