#include <boost/test/unit_test.hpp>

#include "lists/commands/parse.h"

using namespace essaim::lists;

BOOST_AUTO_TEST_SUITE(mail_commands)

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
