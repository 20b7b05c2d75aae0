// Names that are refused: of lists, and addresses that people type.
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::lists;
using essaim::test::TestSite;

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

// Some were stored before they were refused, and such a one must not spoil the text for all others.
BOOST_AUTO_TEST_CASE(what_was_exported_can_be_applied_whoever_is_a_member) {
  TestSite site;
  site.make_list("dev");
  site.join("dev", {"a\xc2\xadnn@a.example", "bob@a.example"});
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

BOOST_AUTO_TEST_SUITE_END()
