#include <boost/test/unit_test.hpp>

#include "core/smtp/path.h"

using namespace essaim;
using namespace essaim::smtp;

namespace {

const Offered kOffered{.smtputf8 = true, .dsn = true};

}  // namespace

BOOST_AUTO_TEST_SUITE(dsn_parameters)

BOOST_AUTO_TEST_CASE(parameters_of_mail_are_read_strictly) {
  struct Row {
    std::string parameters, refused;
    DsnReturn ret;
    std::string envelope_id;
  };
  const Row rows[] = {
      {" RET=FULL", "", DsnReturn::kFull, ""},
      {" ret=hdrs ENVID=QQ314159", "", DsnReturn::kHeaders, "QQ314159"},
      {" ENVID=a+2Bb+3D+20c", "", DsnReturn::kUnspecified, "a+b= c"},
      {" RET=HALF", "501 5.5.4", {}, ""},
      {" RET", "501 5.5.4", {}, ""},
      {" RET=FULL RET=HDRS", "501 5.5.4", {}, ""},
      {" ENVID=", "501 5.5.4", {}, ""},
      {" ENVID", "501 5.5.4", {}, ""},
      {" ENVID=a+0Db", "501 5.5.4", {}, ""},
      {" ENVID=a+0D+0AX-Injected:+20x", "501 5.5.4", {}, ""},
      {" ENVID=a+2", "501 5.5.4", {}, ""},
      {" ENVID=a+2b", "501 5.5.4", {}, ""},
      {" ENVID=+C3+BC", "501 5.5.4", {}, ""},
      {" ENVID=\xc3\xbc", "501 5.5.4", {}, ""},
      {" ENVID=" + std::string(100, 'x'), "", {}, std::string(100, 'x')},
      {" ENVID=" + std::string(101, 'x'), "501 5.5.4", {}, ""},
      {" NOTIFY=NEVER", "555 5.5.4", {}, ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.parameters) {
      MailCommand command;
      const auto refused = parse_mail_argument("FROM:<a@b>" + row.parameters, &command, kOffered);
      BOOST_TEST((refused ? refused->to_string().substr(0, 9) : "") == row.refused);
      if (refused) continue;
      BOOST_TEST((command.parameters.dsn.ret == row.ret));
      BOOST_TEST(command.parameters.dsn.envelope_id == row.envelope_id);
    }
  }
}

BOOST_AUTO_TEST_CASE(parameters_of_rcpt_are_read_strictly) {
  struct Row {
    std::string parameters, refused;
    DsnRcptParameters dsn;
  };
  const Row rows[] = {
      {"", "", {}},
      {" NOTIFY=NEVER", "", {true, false, false, false, "", ""}},
      {" notify=success,delay", "", {true, true, false, true, "", ""}},
      {" NOTIFY=FAILURE ORCPT=rfc822;Bob+2Bx@Example.com",
       "",
       {true, false, true, false, "rfc822", "Bob+x@Example.com"}},
      {" ORCPT=RFC822;a@b", "", {false, false, false, false, "rfc822", "a@b"}},
      {" ORCPT=utf-8;\\x{FC}@b", "", {false, false, false, false, "utf-8", "\xc3\xbc@b"}},
      {" ORCPT=utf-8;\\x{1F41D}@b", "", {false, false, false, false, "utf-8", "\xf0\x9f\x90\x9d@b"}},
      {" ORCPT=utf-8;\xc3\xbc@b", "", {false, false, false, false, "utf-8", "\xc3\xbc@b"}},
      {" ORCPT=utf-8;\\x{0D}\\x{0A}@b", "501 5.5.4", {}},
      {" ORCPT=utf-8;\\x{D800}@b", "501 5.5.4", {}},
      {" ORCPT=utf-8;\\x{110000}@b", "501 5.5.4", {}},
      {" ORCPT=utf-8;\\x{fc}@b", "501 5.5.4", {}},
      {" ORCPT=utf-8;\\x{FC@b", "501 5.5.4", {}},
      {" ORCPT=utf-8;\\y@b", "501 5.5.4", {}},
      {" ORCPT=rfc822;\xc3\xbc@b", "501 5.5.4", {}},
      {" ORCPT=rfc822;+C3+BC@b", "501 5.5.4", {}},
      {" ORCPT=rfc822;a+00@b", "501 5.5.4", {}},
      {" ORCPT=rfc822;", "501 5.5.4", {}},
      {" ORCPT=;a@b", "501 5.5.4", {}},
      {" ORCPT=a@b", "501 5.5.4", {}},
      {" ORCPT=rfc822;" + std::string(500, 'x'), "501 5.5.4", {}},
      {" NOTIFY=NEVER,FAILURE", "501 5.5.4", {}},
      {" NOTIFY=", "501 5.5.4", {}},
      {" NOTIFY", "501 5.5.4", {}},
      {" NOTIFY=SUCCESS,", "501 5.5.4", {}},
      {" NOTIFY=ALWAYS", "501 5.5.4", {}},
      {" RET=FULL", "555 5.5.4", {}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.parameters) {
      RcptCommand command;
      const auto refused = parse_rcpt_argument("TO:<a@b>" + row.parameters, &command, kOffered, true);
      BOOST_TEST((refused ? refused->to_string().substr(0, 9) : "") == row.refused);
      if (!refused) BOOST_TEST((command.parameters.dsn == row.dsn));
    }
  }
  RcptCommand command;
  BOOST_TEST(parse_rcpt_argument("TO:<a@b> ORCPT=utf-8;\xc3\xbc@b", &command, kOffered, false)->code == 501);
}

BOOST_AUTO_TEST_CASE(values_go_back_to_the_wire_as_they_came) {
  for (const std::string text :
       {" NOTIFY=NEVER", " NOTIFY=SUCCESS,FAILURE,DELAY", " NOTIFY=DELAY ORCPT=rfc822;bob+2Bx+3D@example.com",
        " ORCPT=utf-8;\\x{FC}\\x{2B}\\x{1F41D}\\x{5C}@b"}) {
    RcptCommand command;
    BOOST_REQUIRE_MESSAGE(!parse_rcpt_argument("TO:<a@b>" + text, &command, kOffered, true), text);
    const std::string notify = notify_value(command.parameters.dsn);
    const std::string orcpt = orcpt_value(command.parameters.dsn);
    BOOST_TEST((notify.empty() ? "" : " NOTIFY=" + notify) + (orcpt.empty() ? "" : " ORCPT=" + orcpt) ==
               text);
  }
  RcptCommand raw;
  BOOST_REQUIRE(!parse_rcpt_argument("TO:<a@b> ORCPT=utf-8;\xc3\xbc@b", &raw, kOffered, true));
  BOOST_TEST(orcpt_value(raw.parameters.dsn) == "utf-8;\\x{FC}@b");
  MailCommand mail;
  BOOST_REQUIRE(!parse_mail_argument("FROM:<a@b> RET=hdrs ENVID=q+2B1+3D", &mail, kOffered));
  BOOST_TEST(ret_value(mail.parameters.dsn) == "HDRS");
  BOOST_TEST(envid_value(mail.parameters.dsn) == "q+2B1+3D");
  BOOST_TEST(ret_value({}) + envid_value({}) + notify_value({}) + orcpt_value({}) == "");
}

BOOST_AUTO_TEST_SUITE_END()
