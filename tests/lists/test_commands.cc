#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "lists/commands/parse.h"
#include "lists/templates/catalogue.h"

using namespace essaim::lists;

BOOST_AUTO_TEST_SUITE(mail_commands)

// Of two words the first would be taken for the command, and the other for its list.
BOOST_AUTO_TEST_CASE(each_translated_name_is_a_command) {
  const std::pair<const char*, CommandKind> rows[] = {{"help", CommandKind::kHelp},
                                                      {"subscribe", CommandKind::kSubscribe},
                                                      {"unsubscribe", CommandKind::kUnsubscribe}};
  for (const auto& [english, kind] : rows) {
    for (const std::string& language : languages()) {
      for (const std::string_view name : essaim::split(translated(language, english), ','))
        BOOST_TEST((parse_command(std::string(name) + " dev").kind == kind), language << ": " << name);
    }
  }
}

BOOST_AUTO_TEST_CASE(each_command_is_known_by_all_its_names) {
  struct Row {
    const char* line;
    CommandKind kind;
    const char* list;
    const char* email;
    const char* rest;  // name, option or key
  };
  const Row rows[] = {
      {"SUBSCRIBE dev", CommandKind::kSubscribe, "dev", "", ""},
      {"sub Dev@lists.example Ann Example", CommandKind::kSubscribe, "dev@lists.example", "", "Ann Example"},
      {"sub dev@b\xc3\xbc.example", CommandKind::kSubscribe, "dev@xn--b-eha.example", "", ""},
      {"SIG dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"signoff dev ann@x.example", CommandKind::kUnsubscribe, "dev", "ann@x.example", ""},
      {"UNSUB dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"uns dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"unsubscribe dev <ann@x.example>", CommandKind::kUnsubscribe, "dev", "ann@x.example", ""},
      {"SIG *", CommandKind::kUnsubscribeAll, "*", "", ""},
      {"ADD dev ann@x.example Ann", CommandKind::kAdd, "dev", "ann@x.example", "Ann"},
      {"DEL dev ann@x.example", CommandKind::kDelete, "dev", "ann@x.example", ""},
      {"delete dev ann@x.example<mailto:ann@x.example>", CommandKind::kDelete, "dev", "ann@x.example", ""},
      {"invite dev bob@x.example", CommandKind::kInvite, "dev", "bob@x.example", ""},
      {"SET dev NOMAIL", CommandKind::kSet, "dev", "", "nomail"},
      {"set * conceal", CommandKind::kSetAll, "*", "", "conceal"},
      {"REV dev", CommandKind::kReview, "dev", "", ""},
      {"who dev", CommandKind::kReview, "dev", "", ""},
      {"info dev", CommandKind::kInfo, "dev", "", ""},
      {"stats dev", CommandKind::kStats, "dev", "", ""},
      {"REM dev", CommandKind::kRemind, "dev", "", ""},
      {"remind *", CommandKind::kRemindAll, "*", "", ""},
      {"modindex dev", CommandKind::kModIndex, "dev", "", ""},
      {"WHICH", CommandKind::kWhich, "", "", ""},
      {"status", CommandKind::kWhich, "", "", ""},
      {"lists", CommandKind::kLists, "", "", ""},
      {"LIST", CommandKind::kLists, "", "", ""},
      {"SOS", CommandKind::kHelp, "", "", ""},
      {"help", CommandKind::kHelp, "", "", ""},
      {"Aide", CommandKind::kHelp, "", "", ""},
      {"HILFE", CommandKind::kHelp, "", "", ""},
      {"ABONNIEREN dev Ann Example", CommandKind::kSubscribe, "dev", "", "Ann Example"},
      {"s'abonner dev", CommandKind::kSubscribe, "dev", "", ""},
      {"Abbestellen dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"BAJA dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"ayuda", CommandKind::kHelp, "", "", ""},
      {"abmelden *", CommandKind::kUnsubscribeAll, "*", "", ""},
      {"D\u00C9SABONNER dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"de\u0301sabonner dev", CommandKind::kUnsubscribe, "dev", "", ""},
      {"hilfestellung", CommandKind::kUnknown, "", "", ""},
      {"abmelden", CommandKind::kBadlyWritten, "", "", ""},
      {"verify dev", CommandKind::kVerify, "dev", "", ""},
      {"CON 0123456789abcdef", CommandKind::kConfirm, "", "", "0123456789abcdef"},
      {"AUTH 0123456789ABCDEF ADD dev x@y.example", CommandKind::kConfirm, "", "", "0123456789abcdef"},
      {"DIS dev 0123456789abcdef", CommandKind::kDistribute, "dev", "", "0123456789abcdef"},
      {"reject dev 0123456789abcdef", CommandKind::kReject, "dev", "", "0123456789abcdef"},
      {"GET dev log.2026-11", CommandKind::kArchive, "dev", "", ""},
      {"LAST dev", CommandKind::kArchive, "dev", "", ""},
      {"subscribe", CommandKind::kBadlyWritten, "", "", ""},
      {"add dev", CommandKind::kBadlyWritten, "dev", "", ""},
      {"add dev nobody", CommandKind::kBadlyWritten, "dev", "nobody", ""},
      {"set dev loud", CommandKind::kBadlyWritten, "dev", "", ""},
      {"info *", CommandKind::kBadlyWritten, "*", "", ""},
      {"subscription dev", CommandKind::kUnknown, "", "", ""},
      {"", CommandKind::kUnknown, "", "", ""},
  };
  for (const Row& row : rows) {
    const Command command = parse_command(row.line);
    BOOST_TEST((command.kind == row.kind), row.line);
    if (row.kind == CommandKind::kUnknown) continue;
    BOOST_TEST(command.list == row.list, row.line);
    BOOST_TEST(command.email == row.email, row.line);
    if (*row.rest != '\0')
      BOOST_TEST((command.name == row.rest || command.option == row.rest || command.key == row.rest),
                 row.line);
    if (row.kind == CommandKind::kBadlyWritten) BOOST_TEST(!command.usage.empty(), row.line);
  }
  BOOST_TEST(parse_command("QUIET add dev a@b.example").quiet);
}

// Sympa 6.2: every name of every command, with what it takes.
BOOST_AUTO_TEST_CASE(every_command_of_sympa_is_understood_by_each_of_its_names) {
  struct Row {
    const char* names;
    const char* rest;
    CommandKind kind;
  };
  const Row rows[] = {
      {"add", " dev ann@x.example Ann Bee", CommandKind::kAdd},
      {"auth", " 0123456789abcdef ADD dev ann@x.example", CommandKind::kConfirm},
      {"con confirm", " 0123456789abcdef", CommandKind::kConfirm},
      {"del delete", " dev ann@x.example", CommandKind::kDelete},
      {"dis distribute", " dev 0123456789abcdef", CommandKind::kDistribute},
      {"get", " dev log.2026-11", CommandKind::kArchive},
      {"hel help sos", "", CommandKind::kHelp},
      {"inf info", " dev", CommandKind::kInfo},
      {"ind index", " dev", CommandKind::kArchive},
      {"inv invite", " dev ann@x.example", CommandKind::kInvite},
      {"las last", " dev", CommandKind::kArchive},
      {"lis list lists", "", CommandKind::kLists},
      {"mod modindex modind", " dev", CommandKind::kModIndex},
      {"rej reject", " dev 0123456789abcdef", CommandKind::kReject},
      {"rem remind", " dev", CommandKind::kRemind},
      {"rem remind", " *", CommandKind::kRemindAll},
      {"rev review who", " dev", CommandKind::kReview},
      {"sta stats", " dev", CommandKind::kStats},
      {"sub subscribe", " dev", CommandKind::kSubscribe},
      {"sub subscribe", " dev Ann Bee", CommandKind::kSubscribe},
      {"sig signoff uns unsub unsubscribe", " dev", CommandKind::kUnsubscribe},
      {"sig signoff uns unsub unsubscribe", " dev ann@x.example", CommandKind::kUnsubscribe},
      {"sig signoff uns unsub unsubscribe", " *", CommandKind::kUnsubscribeAll},
      {"sig signoff uns unsub unsubscribe", " * ann@x.example", CommandKind::kUnsubscribeAll},
      {"ver verify", " dev", CommandKind::kVerify},
      {"whi which status", "", CommandKind::kWhich},
  };
  for (const Row& row : rows) {
    std::istringstream names(row.names);
    for (std::string name; names >> name;) {
      std::string upper;
      for (const char c : name) upper.push_back(static_cast<char>(c - 'a' + 'A'));
      for (const std::string& written : {name, upper}) {
        BOOST_TEST((parse_command(written + row.rest).kind == row.kind), written + row.rest);
        const Command quiet = parse_command("QUIET " + written + row.rest);
        BOOST_TEST((quiet.kind == row.kind && quiet.quiet), "QUIET " + written + row.rest);
      }
    }
  }
  for (const char* option :
       {"digest", "digestplain", "nomail", "normal", "not_me", "each", "eachmail", "nodigest", "mail",
        "summary", "notice", "txt", "html", "urlize", "conceal", "noconceal"}) {
    const Command one = parse_command("SET dev " + std::string(option));
    BOOST_TEST((one.kind == CommandKind::kSet), option);
    BOOST_TEST(one.option == option);
    BOOST_TEST((parse_command("set * " + std::string(option)).kind == CommandKind::kSetAll), option);
  }
  for (const char* end : {"qui", "QUIT", "end", "stop", "-", "--", "-- "})
    BOOST_TEST(parse_commands("", "which\n" + std::string(end) + "\nlists\n").commands.size() == 1U, end);
}

BOOST_AUTO_TEST_CASE(the_subject_goes_before_the_text_and_the_text_ends_at_a_signature) {
  struct Row {
    const char* subject;
    const char* text;
    std::size_t commands;
    const char* first;
  };
  const Row rows[] = {
      {"subscribe dev", "which\n", 1, "subscribe dev"},
      {"Re: AW: signoff dev", "", 1, "signoff dev"},
      {"subscribe dev\xC2\xA0", "", 1, "subscribe dev"},
      {"RE: [EXTERNAL] signoff dev", "", 1, "signoff dev"},
      {"[EXT] SV: [dev] signoff dev", "", 1, "signoff dev"},
      {"[dev] hello", "which\n", 1, "which"},
      {"hello", "which\r\nlists\r\n", 2, "which"},
      {"", "> which\n>> lists\n| help\n", 3, "which"},
      {"", "# a comment\n\nwhich\n-- \nlists\n", 1, "which"},
      {"", "which\nQUIT\nlists\n", 1, "which"},
      {"", "which\n--\nlists\n", 1, "which"},
      {"", "Dear robot,\nwhich\n", 1, "Dear robot,"},
      {"", "which\nthank you\nlists\n", 2, "which"},
      {"", "", 0, ""},
  };
  for (const Row& row : rows) {
    const Commands found = parse_commands(row.subject, row.text);
    BOOST_TEST(found.commands.size() == row.commands, std::string(row.subject) + "/" + row.text);
    if (!found.commands.empty()) BOOST_TEST(found.commands.front().line == row.first);
  }
  std::string many;
  for (std::size_t i = 0; i < kMostCommands + 5; ++i) many += "which\n";
  BOOST_TEST(parse_commands("", many).commands.size() == kMostCommands);
  BOOST_TEST(parse_commands("", many).more);
}

BOOST_AUTO_TEST_CASE(a_lists_own_address_needs_no_name) {
  BOOST_TEST(parse_commands("subscribe", "", "dev@lists.example").commands.front().list ==
             "dev@lists.example");
  BOOST_TEST((parse_commands("subscribe", "").commands.front().kind == CommandKind::kBadlyWritten));
  BOOST_TEST((parse_commands("please subscribe me", "", "dev@lists.example").commands.empty()));
}

BOOST_AUTO_TEST_SUITE_END()
