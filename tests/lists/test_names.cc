// Names that are refused: of lists, and addresses that people type.
#include <sstream>

#include "core/base/text.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::lists;
using essaim::test::TestSite;

namespace {

// As a program of before did, which asked nothing.
void put_on_dev(TestSite& site, const std::string& who) {
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto list = storage::DirectoryStore(c).find_list("dev", "lists.example");
        if (!list.ok()) return list.error();
        storage::MemberRecord member;
        member.id = site.admin_ids.next();
        member.list_id = (*list)->id;
        member.local = test::address(who).local;
        member.domain = test::address(who).domain;
        member.joined = 1;
        return storage::MemberStore(c).add(member);
      }));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(names)

// A list comes before the robot where mail arrives: its members would get HELP, and commands no answer.
BOOST_AUTO_TEST_CASE(no_list_has_the_name_of_the_command_robot) {
  TestSite site;
  site.make_list("dev");
  const auto refused = [](const auto& result, const char* says) {
    BOOST_REQUIRE(!result.ok());
    BOOST_TEST((result.error().code == ErrorCode::kInvalid));
    BOOST_TEST(result.error().message.find(says) != std::string::npos, result.error().message);
  };
  refused(site.admin.create_list("sympa@lists.example", {}), "takes the commands of lists.example");
  refused(site.admin.set_domain("lists.example", {{"robot", "dev"}}), "dev@lists.example is a list");
  TestSite::require(site.admin.set_domain("lists.example", {{"robot", "commands"}}));
  refused(site.admin.create_list("commands@lists.example", {}), "takes the commands of lists.example");
  // The name is free now, and taken when the robot comes back to it.
  TestSite::require(site.admin.create_list("sympa@lists.example", {}));
  BOOST_TEST((*site.admin.create_list("sympa@lists.example", {}) == Change::kAlready));
  refused(site.admin.set_domain("lists.example", {{"robot", std::nullopt}}), "sympa@lists.example is a list");
  TestSite::require(site.admin.set_domain("lists.example", {{"post", "anyone"}}));

  const std::string domain = "[domains.\"lists.example\"]\n";
  for (const bool dry_run : {true, false}) {
    refused(site.admin.apply_text(domain, dry_run), "sympa@lists.example cannot be a list");
    refused(site.admin.apply_text("[lists.\"commands@lists.example\"]\n", dry_run),
            "commands@lists.example cannot be a list");
  }
  TestSite::require(site.admin.apply_text(domain, false, true));  // no list is left
  BOOST_TEST(site.admin.lists()->empty());
}

BOOST_AUTO_TEST_CASE(an_address_with_a_character_that_nobody_sees_is_no_member) {
  for (const char* line : {"ann\xc2\xa0@a.example",
                           "\xe2\x80\x8b"
                           "ann@a.example",
                           "Ann <a\xc2\xadnn@a.example>"}) {
    const auto member = parse_member_line(line);
    BOOST_REQUIRE(!member.ok());
    BOOST_TEST(member.error().message.find("nobody sees, U+") != std::string::npos, member.error().message);
  }
  BOOST_TEST(parse_member_line("Andr\xc3\xa9 <andr\xc3\xa9@a.example>").ok());
}

BOOST_AUTO_TEST_CASE(nobody_comes_in_under_an_address_with_a_character_that_nobody_sees) {
  test::Served site;
  const TestSite::Asked utf8{.smtputf8 = true};
  for (const char* unseen : {"\u00A0", "\u00AD", "\u200B", "\u202E"}) {
    BOOST_TEST_CONTEXT(escaped_for_display(unseen)) {
      const std::string who = "a" + std::string(unseen) + "nn@x.example";
      // By mail, with a command and without one. Who may not come in is asked nothing, nor are the owners.
      BOOST_TEST(site.send(who, {test::kRobot}, test::a_mail(who, "", "SUBSCRIBE dev\n"), utf8).positive());
      const test::Letter letter = test::last_letter(site, who);
      BOOST_TEST(letter.says("nobody sees before the @, U+"), letter.text);
      const auto reply = site.send(who, {"dev-subscribe@lists.example"}, test::a_mail(who, "", ""), utf8);
      BOOST_TEST(reply.to_string().find("550 5.1.7 your address has a character that nobody sees") == 0U,
                 reply.to_string());
      BOOST_TEST(!site.is_member(who));
      // By the operator.
      const auto refused = [](const auto& result) {
        BOOST_REQUIRE(!result.ok());
        BOOST_TEST((result.error().code == ErrorCode::kInvalid));
        BOOST_TEST(result.error().message.find("nobody sees, U+") != std::string::npos,
                   result.error().message);
      };
      refused(site.admin.add_members("dev@lists.example", storage::Role::kOwner, {{test::address(who), ""}}));
      refused(site.admin.create_list("new@lists.example", {{test::address(who), ""}}));
      refused(site.admin.add_listmaster("", test::address(who)));
    }
  }
  // As others write it.
  const std::string other = "b\u202Eob@x.example";
  for (const char* verb : {"ADD", "INVITE"}) {
    const auto letter = site.ask("own@o.example", verb + (" dev " + other + "\n"));
    BOOST_TEST(letter.says("nobody sees before the @, U+202E"), letter.text);
  }
  BOOST_TEST(test::letters_to(site, other).empty());
  // Who is there already can go, by mail and by the operator.
  for (const bool by_mail : {true, false}) {
    put_on_dev(site, other);
    BOOST_TEST(site.is_member(other));
    if (by_mail)
      BOOST_TEST(
          site.send(other, {"dev-unsubscribe@lists.example"}, test::a_mail(other, "", ""), utf8).positive());
    else
      TestSite::require(
          site.admin.remove_member("dev@lists.example", storage::Role::kMember, test::address(other)));
    if (by_mail && site.is_member(other))
      BOOST_TEST(site.send(other, {site.question(other).field("Reply-To")}, test::a_mail(other, "", ""), utf8)
                     .positive());
    BOOST_TEST(!site.is_member(other));
  }
  std::istringstream in(other + "\n");
  BOOST_TEST(read_member_lines(in).errors.size() == 1U);
  std::istringstream again(other + "\n");
  BOOST_TEST(read_member_lines(again, Known::kPerhaps).members.size() == 1U);
}

// Some were stored before they were refused, and such a one must not spoil the text for all others.
BOOST_AUTO_TEST_CASE(what_was_exported_can_be_applied_whoever_is_a_member) {
  TestSite site;
  site.make_list("dev", {}, {"bob@a.example"});
  put_on_dev(site, "a\xc2\xadnn@a.example");
  const auto text = site.admin.export_text();
  TestSite::require(text);
  for (const bool dry_run : {true, false}) {
    const auto plan = site.admin.apply_text(*text, dry_run, true);
    TestSite::require(plan);
    BOOST_TEST(plan->lines.empty());
    // Nobody else comes so, to this list or in another role.
    for (const char* more : {"[lists.\"dev@lists.example\"]\nmembers = [\"b\xc2\xadob@a.example\"]\n",
                             "[lists.\"dev@lists.example\"]\nowners = [\"a\xc2\xadnn@a.example\"]\n"}) {
      const auto refused = site.admin.apply_text(more, dry_run);
      BOOST_REQUIRE(!refused.ok());
      BOOST_TEST((refused.error().code == ErrorCode::kInvalid));
      BOOST_TEST(refused.error().message.starts_with("list dev@lists.example: '"), refused.error().message);
      BOOST_TEST(refused.error().message.find("nobody sees, U+00AD") != std::string::npos);
    }
  }
}

// Members may be millions, and whoever reads the text may be slow.
BOOST_AUTO_TEST_CASE(an_export_reads_members_while_it_is_written) {
  TestSite site;
  site.make_list("dev", {{"description", "Developers"}}, {}, {"own@o.example"});
  site.make_list("other", {}, {"ann@a.example"});
  const auto member = [](int i) {
    return test::address("member" + std::to_string(10'000 + i) + "@people.example");
  };
  constexpr int kMany = 2'500;
  std::vector<NewMember> people;
  for (int i = 0; i < kMany; ++i) people.push_back({member(i), "A name of some length"});
  TestSite::require(site.admin.add_members("dev@lists.example", storage::Role::kMember, people));
  const auto whole = site.admin.export_text();
  TestSite::require(whole);
  std::string text;
  int writes = 0;
  TestSite::require(site.admin.export_text([&](std::string_view some) -> Result<void> {
    BOOST_TEST(some.size() < std::size_t{70} * 1024);
    text += some;
    ++writes;
    return {};
  }));
  BOOST_TEST((text == *whole));
  BOOST_TEST(writes >= 3);
  BOOST_TEST(site.admin.apply_text(text, true, true)->lines.empty());
  // Nothing is kept from being written meanwhile, and who goes before they are read is not in it.
  text.clear();
  TestSite::require(site.admin.export_text([&](std::string_view some) -> Result<void> {
    text += some;
    const auto removed =
        site.admin.remove_member("dev@lists.example", storage::Role::kMember, member(kMany - 1));
    return removed.ok() ? Result<void>() : removed.error();
  }));
  BOOST_TEST(text.find(member(0).to_string()) != std::string::npos);
  BOOST_TEST(text.find(member(kMany - 2).to_string()) != std::string::npos);
  BOOST_TEST(text.find(member(kMany - 1).to_string()) == std::string::npos);
  writes = 0;
  const auto ended = site.admin.export_text([&](std::string_view) -> Result<void> {
    ++writes;
    return Error{ErrorCode::kTemporary, "no more"};
  });
  BOOST_REQUIRE(!ended.ok());
  BOOST_TEST(ended.error().message == "no more");
  BOOST_TEST(writes == 1);
}

// Settings are nearly all that there is of a list, and a domain may have tens of thousands.
BOOST_AUTO_TEST_CASE(lists_are_counted_and_a_near_name_is_found_without_their_settings) {
  TestSite site;
  site.make_list("dev");
  site.make_list("other");
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute("UPDATE list SET settings = 'nonsense'");
  }));
  const auto info = site.admin.show_domain("lists.example");
  TestSite::require(info);
  BOOST_TEST(info->lists == 2U);
  const auto missed = site.admin.open_list("othr@lists.example");
  BOOST_REQUIRE(!missed.ok());
  BOOST_TEST((missed.error().code == ErrorCode::kNotFound));
  BOOST_TEST(missed.error().message ==
             "there is no list othr@lists.example; did you mean other@lists.example?");
}

BOOST_AUTO_TEST_SUITE_END()
