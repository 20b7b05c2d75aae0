#include <algorithm>
#include <sstream>

#include "lists/directory_steps.h"
#include "lists/directory_text.h"
#include "storage/departure_store.h"
#include "storage/text_store.h"
#include "tests/lists/site.h"
#include "tests/support/linear.h"

using namespace essaim;
using namespace essaim::lists;
using essaim::test::TestSite;

BOOST_AUTO_TEST_SUITE(list_admin)

BOOST_AUTO_TEST_CASE(asking_twice_is_no_mistake) {
  TestSite site;
  const auto is = [](const Result<Change>& change, Change wanted) {
    TestSite::require(change);
    return *change == wanted;
  };
  Admin& admin = site.admin;
  BOOST_TEST(is(admin.create_domain("New.Example"), Change::kDone));
  BOOST_TEST(is(admin.create_domain("new.example"), Change::kAlready));
  BOOST_TEST(is(admin.set_domain("new.example", {{"post", "anyone"}}), Change::kDone));
  BOOST_TEST(is(admin.set_domain("new.example", {{"post", "anyone"}}), Change::kAlready));
  BOOST_TEST(
      is(admin.create_list("Dev@New.Example", {{test::address("o@o.example"), "Olga"}}), Change::kDone));
  BOOST_TEST(is(admin.create_list("dev@new.example", {}), Change::kAlready));
  TestSite::require(admin.for_each_member("dev@new.example", storage::Role::kOwner, [](const auto& owner) {
    BOOST_TEST(owner.name == "Olga");
    return true;
  }));
  BOOST_TEST(is(admin.set_list("dev@new.example", {{"footer", "x"}}), Change::kDone));
  BOOST_TEST(is(admin.set_list("dev@new.example", {{"footer", std::nullopt}}), Change::kDone));
  BOOST_TEST(is(admin.set_list("dev@new.example", {{"footer", std::nullopt}}), Change::kAlready));
  BOOST_TEST(is(admin.close_list("dev@new.example"), Change::kDone));
  BOOST_TEST(is(admin.close_list("dev@new.example"), Change::kAlready));
  BOOST_TEST(is(admin.open_list("dev@new.example"), Change::kDone));
  const std::vector<NewMember> two = {{test::address("a@b.example"), "A"},
                                      {test::address("A@B.example"), ""}};
  auto added = admin.add_members("dev@new.example", storage::Role::kMember, two);
  TestSite::require(added);
  BOOST_TEST(added->added == 1);
  BOOST_TEST(added->already == 1);
  BOOST_TEST(admin.show_list("dev@new.example")->members == 1);
  BOOST_TEST(admin.show_list("dev@new.example")->owners == 1);
  const auto a = test::address("a@b.example");
  BOOST_TEST(is(admin.set_member("dev@new.example", storage::Role::kMember, a, storage::Reception::kNone, {}),
                Change::kDone));
  BOOST_TEST(is(admin.set_member("dev@new.example", storage::Role::kMember, a, storage::Reception::kNone, {}),
                Change::kAlready));
  BOOST_TEST(is(admin.remove_member("dev@new.example", storage::Role::kMember, a), Change::kDone));
  BOOST_TEST(is(admin.remove_member("dev@new.example", storage::Role::kMember, a), Change::kAlready));
  BOOST_TEST((admin.delete_domain("new.example").error().code == ErrorCode::kConflict));
  TestSite::require(admin.delete_list("dev@new.example"));
  BOOST_TEST((admin.delete_list("dev@new.example").error().code == ErrorCode::kNotFound));
  BOOST_TEST(is(admin.delete_domain("new.example"), Change::kDone));
  const auto again = admin.delete_domain("new.example");
  BOOST_TEST((again.error().code == ErrorCode::kNotFound));
  BOOST_TEST(again.error().message == "there is no domain new.example");
}

BOOST_AUTO_TEST_CASE(mistakes_say_what_is_wrong_and_what_to_do) {
  TestSite site;
  site.make_list("development");
  struct Row {
    Result<Change> result;
    const char* says;
  };
  const Row rows[] = {
      {site.admin.create_domain("not a domain"), "is not a domain name"},
      {site.admin.create_domain("[192.0.2.1]"), "is not a domain name"},
      {site.admin.create_list("dev@unknown.example", {}), "essaim domain create unknown.example"},
      {site.admin.create_list("dev", {}), "dev@lists.example.org"},
      {site.admin.create_list("x-owner@lists.example", {}), "-owner"},
      {site.admin.create_list("bounce+1@lists.example", {}), "return addresses"},
      {site.admin.create_list("postmaster@lists.example", {}), "run the site"},
      {site.admin.create_list("-dev@lists.example", {}), "begin with a letter"},
      {site.admin.create_list("d$v@lists.example", {}), "letters, digits"},
      {site.admin.create_list(std::string(53, 'x') + "@lists.example", {}), "longer than 52"},
      {site.admin.create_list("dev@lists.example", {}, {{"footr", "x"}}), "did you mean 'footer'"},
      {site.admin.set_list("developmnt@lists.example", {{"post", "anyone"}}),
       "did you mean development@lists.example"},
      {site.admin.set_list("development@lists.example", {{"post", "some"}}), "must be one of"},
      {site.admin.set_member("development@lists.example", storage::Role::kOwner, test::address("a@b.example"),
                             storage::Reception::kEach, {}),
       "a@b.example is no owner of development@lists.example"},
  };
  for (const Row& row : rows) {
    BOOST_REQUIRE(!row.result.ok());
    BOOST_TEST(row.result.error().message.find(row.says) != std::string::npos, row.result.error().message);
  }
  BOOST_TEST(wrong_with_list_name(std::string(52, 'x')).empty());
}

// A pager that somebody left open would else hold a transaction, and the database could let go of nothing.
BOOST_AUTO_TEST_CASE(members_are_told_between_two_looks_at_the_database) {
  TestSite site;
  site.make_list("dev", {}, {}, {"owner@o.example"});
  // The first look ends with a domain, the second one in the middle of one.
  const std::size_t many = Admin::kMembersAtOnce;
  std::vector<std::string> people;
  const auto add = [&people](std::size_t count, const std::string& domain) {
    for (std::size_t i = 0; i < count; ++i)
      people.push_back("u" + std::to_string(100'000 + i) + "@" + domain);
  };
  add(many, "a.example");
  add(many + many / 2, "b.example");
  add(2, "c.example");
  site.join("dev", people);
  std::vector<std::string> told;
  TestSite::require(site.admin.for_each_member(
      "dev@lists.example", storage::Role::kMember, [&](const storage::MemberRecord& member) {
        if (told.empty())
          TestSite::require(site.admin.remove_member("dev@lists.example", storage::Role::kMember,
                                                     test::address(people.back())));
        told.push_back(member.address());
        return true;
      }));
  people.pop_back();
  BOOST_TEST(told == people, boost::test_tools::per_element());
  told.clear();
  TestSite::require(site.admin.for_each_member("dev@lists.example", storage::Role::kOwner,
                                               [&](const storage::MemberRecord& owner) {
                                                 told.push_back(owner.address());
                                                 return true;
                                               }));
  BOOST_TEST(told == std::vector<std::string>{"owner@o.example"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(member_files_are_read_with_all_their_mistakes) {
  std::istringstream in(
      "\xEF\xBB\xBF# people\n\na@b.example\n  Jos\xc3\xa9 Doe <jose@b.example>  \r\n\"Doe, \\\"J\\\"\" "
      "<j@b.example>\n"
      "no address\nx@\n<y@b.example>\nName y@b.example>\n\xff <z@b.example>\n");
  const MemberLines lines = read_member_lines(in);
  BOOST_REQUIRE(lines.members.size() == 4);
  BOOST_TEST(lines.members[1].name == "Jos\xc3\xa9 Doe");
  BOOST_TEST(lines.members[2].name == "Doe, \"J\"");
  BOOST_TEST(lines.members[3].address.to_string() == "y@b.example");
  BOOST_REQUIRE(lines.errors.size() == 4);
  BOOST_TEST(lines.errors[0].starts_with("line 6: "));
  BOOST_TEST(lines.errors[1].starts_with("line 7: "));
  BOOST_TEST(lines.errors[2].starts_with("line 9: "));
  BOOST_TEST(lines.errors[3].starts_with("line 10: "));
}

BOOST_AUTO_TEST_CASE(what_is_exported_can_be_applied_elsewhere_and_changes_nothing_here) {
  TestSite site;
  site.make_list("dev", {{"footer", "-- \n\"quoted\" \\ \t\n"}, {"subject_tag", "[d\xc3\xa9v]"}},
                 {"m@m.example"}, {"o@o.example"});
  site.make_list("empty");
  TestSite::require(site.admin.close_list("empty@lists.example"));
  TestSite::require(site.admin.set_domain("lists.example", {{"post", "anyone"}}));
  TestSite::require(
      site.admin.add_members("dev@lists.example", storage::Role::kMember,
                             {{test::address("\"odd \\\" one\"@m.example"), "An \"Odd\" One"}}));
  TestSite::require(site.admin.set_member("dev@lists.example", storage::Role::kMember,
                                          test::address("m@m.example"), storage::Reception::kNone, {}));
  const auto text = site.admin.export_text();
  TestSite::require(text);
  const auto revision = site.list("dev").revision;
  const auto again = site.admin.apply_text(*text, false);
  TestSite::require(again);
  BOOST_TEST(again->lines.empty());
  BOOST_TEST(site.list("dev").revision == revision);

  TestSite other;
  const auto planned = other.admin.apply_text(*text, true);
  TestSite::require(planned);
  BOOST_TEST(!planned->applied);
  BOOST_TEST(other.admin.lists()->empty());
  const auto applied = other.admin.apply_text(*text, false);
  TestSite::require(applied);
  BOOST_TEST(applied->applied);
  BOOST_TEST(applied->lines == planned->lines, boost::test_tools::per_element());
  BOOST_TEST(*other.admin.export_text() == *text);
}

BOOST_AUTO_TEST_CASE(options_of_members_and_owners_are_exported_and_applied) {
  TestSite site;
  site.make_list("dev", {}, {"a@m.example", "b@m.example"}, {"o@o.example", "p@o.example"});
  const auto set = [&site](storage::Role role, const char* who, const MemberOptions& options) {
    TestSite::require(site.admin.set_member("dev@lists.example", role, test::address(who), {}, {}, options));
  };
  set(storage::Role::kMember, "a@m.example", {true, {}, "fr"});
  set(storage::Role::kOwner, "o@o.example", {{}, true, {}});
  set(storage::Role::kOwner, "p@o.example", {{}, false, "fr"});
  const auto text = site.admin.export_text();
  TestSite::require(text);
  for (const char* line : {"\"a@m.example (concealed, fr)\"", "\"b@m.example\"",
                           "\"o@o.example (privileged)\"", "\"p@o.example (unprivileged, fr)\""})
    BOOST_TEST(text->find(line) != std::string::npos, *text);
  TestSite other;
  TestSite::require(other.admin.apply_text(*text, false));
  BOOST_TEST(*other.admin.export_text() == *text);
  BOOST_TEST(other.member("dev", "a@m.example")->conceal);
  BOOST_TEST(other.member("dev", "a@m.example")->language == "fr");
  BOOST_TEST(other.member("dev", "o@o.example", storage::Role::kOwner)->privileged);
  BOOST_TEST(!other.member("dev", "p@o.example", storage::Role::kOwner)->privileged);
}

BOOST_AUTO_TEST_CASE(options_that_a_text_does_not_speak_of_stay_and_owners_of_a_new_list_are_privileged) {
  TestSite site;
  const std::string before = R"toml(
[domains."lists.example"]
[lists."dev@lists.example"]
owners = ["o@o.example", "p@o.example (unprivileged)"]
members = ["a@m.example"]
)toml";
  TestSite::require(site.admin.apply_text(before, false));
  const auto owner = [&site](const char* who) { return site.member("dev", who, storage::Role::kOwner); };
  BOOST_TEST(owner("o@o.example")->privileged);
  BOOST_TEST(!owner("p@o.example")->privileged);
  const std::string after = R"toml(
[domains."lists.example"]
[lists."dev@lists.example"]
owners = ["o@o.example (unprivileged)", "p@o.example (off, privileged)", "q@o.example"]
members = ["a@m.example (fr, concealed)"]
)toml";
  const auto plan = site.admin.apply_text(after, false);
  TestSite::require(plan);
  const std::vector<std::string> lines = {
      "~ owner dev@lists.example o@o.example (unprivileged)",
      "~ owner dev@lists.example p@o.example (off, privileged)",
      "+ owner dev@lists.example q@o.example",
      "~ member dev@lists.example a@m.example (concealed, fr)",
  };
  BOOST_TEST(plan->lines == lines, boost::test_tools::per_element());
  BOOST_TEST(!owner("o@o.example")->privileged);
  BOOST_TEST(owner("p@o.example")->privileged);
  BOOST_TEST(!owner("p@o.example")->has_mail());
  BOOST_TEST(!owner("q@o.example")->privileged);
  BOOST_TEST(site.member("dev", "a@m.example")->conceal);
  // A text of before there were options says nothing of them.
  TestSite::require(site.admin.apply_text(before, false));
  BOOST_TEST(site.member("dev", "a@m.example")->conceal);
  BOOST_TEST(site.member("dev", "a@m.example")->language == "fr");
  BOOST_TEST(!owner("o@o.example")->privileged);
  TestSite::require(
      site.admin.apply_text("[lists.\"dev@lists.example\"]\nmembers = [\"a@m.example (shown)\"]\n", false));
  BOOST_TEST(!site.member("dev", "a@m.example")->conceal);
  const auto wrong = site.admin.apply_text(
      "[lists.\"dev@lists.example\"]\nmembers = [\"a@m.example (of)\", \"b@m.example (privileged)\"]\n",
      true);
  BOOST_REQUIRE(!wrong.ok());
  BOOST_TEST(wrong.error().message.find("(of) is not understood") != std::string::npos,
             wrong.error().message);
  BOOST_TEST(wrong.error().message.find("only owners are privileged") != std::string::npos,
             wrong.error().message);
}

BOOST_AUTO_TEST_CASE(a_text_that_names_nothing_does_not_remove_everything) {
  TestSite site;
  site.make_list("dev");
  for (const char* text : {"", "# nothing\n", "[lists]\n[domains]\n"}) {
    const auto applied = site.admin.apply_text(text, false, true);
    BOOST_REQUIRE(!applied.ok());
    BOOST_TEST((applied.error().code == ErrorCode::kInvalid));
    BOOST_TEST(applied.error().message.find("names no domain and no list") != std::string::npos);
  }
  BOOST_TEST(site.admin.lists()->size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_plan_names_each_difference) {
  TestSite site;
  site.make_list("dev", {{"footer", "x"}}, {"a@m.example", "b@m.example"}, {"o@o.example"});
  site.make_list("old");
  const std::string text = R"toml(
[domains."lists.example"]
[lists."dev@lists.example"]
members = ["Bee <b@m.example> (off)", "c@m.example"]
[lists."dev@lists.example".settings]
subject_tag = "[dev]"
[lists."new@lists.example"]
closed = true
)toml";
  auto plan = site.admin.apply_text(text, true);
  TestSite::require(plan);
  const std::vector<std::string> lines = {
      "~ list dev@lists.example: subject_tag = \"[dev]\"",
      "~ list dev@lists.example: footer back to its default",
      "~ member dev@lists.example Bee <b@m.example> (off)",
      "+ member dev@lists.example c@m.example",
      "- member dev@lists.example a@m.example",
      "+ list new@lists.example",
      "~ list new@lists.example: closed",
  };
  BOOST_TEST(plan->lines == lines, boost::test_tools::per_element());
  test::LogLines log;
  BOOST_TEST(!log.has({"request verb=apply"}));
  TestSite::require(site.admin.apply_text(text, false));
  BOOST_TEST(log.has({"request verb=apply", "what=\"7 changes\"", "by=operator", "result=done"}));
  BOOST_TEST(site.admin.apply_text(text, true)->lines.empty());
  // Owners were not spoken of.
  BOOST_TEST(site.member("dev", "o@o.example", storage::Role::kOwner).has_value());
  BOOST_TEST(site.admin.show_list("old@lists.example").ok());
  plan = site.admin.apply_text(text, false, true);
  TestSite::require(plan);
  BOOST_REQUIRE(plan->lines.size() == 1);
  BOOST_TEST(plan->lines[0] == "- list old@lists.example with its members");
  BOOST_TEST(!site.admin.show_list("old@lists.example").ok());
}

BOOST_AUTO_TEST_CASE(mistakes_in_a_text_are_all_told_and_nothing_is_applied) {
  TestSite site;
  const auto applied = site.admin.apply_text(R"toml([lists."dev@lists.example"]
members = ["a@b.example", "a@b.example", "nonsense"]
onwers = []
[lists."dev@lists.example".settings]
footr = "x"
[lists."x-owner@lists.example"]
[list]
)toml",
                                             false);
  BOOST_REQUIRE(!applied.ok());
  for (const char* says : {"line 2: a@b.example is here twice", "line 2: 'nonsense'", "line 3: 'onwers'",
                           "line 5: there is no setting 'footr'; did you mean 'footer'?",
                           "line 6: ", "line 7: there is no 'list'"})
    BOOST_TEST(applied.error().message.find(says) != std::string::npos, applied.error().message);
  BOOST_TEST(site.admin.lists()->empty());
  const auto syntax = site.admin.apply_text("[lists\n", false);
  BOOST_TEST(syntax.error().message.starts_with("line 1: "), syntax.error().message);
  const auto homeless = site.admin.apply_text("[lists.\"a@nowhere.example\"]\n", true);
  BOOST_TEST(homeless.error().message.find("there is no domain nowhere.example") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_text_that_names_a_scenario_which_is_not_there_is_refused_like_list_set) {
  TestSite site;
  site.make_list("dev");
  const std::string wrong = R"toml(
[domains."lists.example"]
review = "privat"
[lists."dev@lists.example"]
[lists."dev@lists.example".settings]
send = "privat"
[lists."new@lists.example"]
[lists."new@lists.example".settings]
subscribe = "opne"
)toml";
  for (const bool dry_run : {true, false}) {
    const auto applied = site.admin.apply_text(wrong, dry_run);
    BOOST_REQUIRE(!applied.ok());
    BOOST_TEST((applied.error().code == ErrorCode::kInvalid));
    for (const char* says :
         {"domain lists.example: review: there is no scenario review.privat; did you mean private?",
          "list dev@lists.example: send: there is no scenario send.privat; did you mean private?",
          "list new@lists.example: subscribe: there is no scenario subscribe.opne; did you mean open?"})
      BOOST_TEST(applied.error().message.find(says) != std::string::npos, applied.error().message);
  }
  BOOST_TEST(!site.admin.show_list("new@lists.example").ok());
  BOOST_TEST(site.list("dev").settings.empty());
  // Those of the list's own, and of its domain, count.
  const Id dev = site.list("dev").id;
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [dev](storage::Connection& c) {
    return storage::TextStore(c).set(
        {dev, storage::TextKind::kScenario, "send.mine", "true() smtp,dkim,md5 -> do_it\n", {}, "x"},
        {dev, 0});
  }));
  const auto mine = [](const char* list) {
    return std::string("[lists.\"") + list + "@lists.example\"]\n[lists.\"" + list +
           "@lists.example\".settings]\nsend = \"mine\"\n";
  };
  TestSite::require(site.admin.apply_text(mine("dev"), true));
  TestSite::require(site.admin.apply_text(mine("dev"), false));
  BOOST_TEST(site.list("dev").settings["send"] == "mine");
  BOOST_TEST(!site.admin.apply_text(mine("other"), true).ok());
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_members_cost_no_more_each_than_a_few) {
  const auto member_lines = [](std::size_t members) {
    std::string lines;
    for (std::size_t i = 0; i < members; ++i)
      lines += "Member " + std::to_string(i) + " <m" + std::to_string(i) + "@d" + std::to_string(i % 500) +
               ".example>\n";
    return lines;
  };
  test::check_linear("100,000 members", 100'000, member_lines, [](const std::string& lines) {
    TestSite site;
    site.make_list("big");
    std::istringstream in(lines);
    const MemberLines members = read_member_lines(in);
    BOOST_TEST(members.errors.empty());
    const auto added = site.admin.add_members("big@lists.example", storage::Role::kMember, members.members);
    TestSite::require(added);
    BOOST_TEST(added->added == std::ranges::count(lines, '\n'));
    const auto text = site.admin.export_text();
    TestSite::require(text);
    const auto plan = site.admin.apply_text(*text, true);
    TestSite::require(plan);
    BOOST_TEST(plan->lines.empty());
  });
}

namespace {

std::vector<NewMember> many(int count) {
  std::vector<NewMember> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    out.push_back({test::address("m" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".example"), ""});
  return out;
}

// The k-th COMMIT from now on fails, however often it is tried.
struct CommitFails {
  explicit CommitFails(std::uint64_t k) {
    storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, k, 1'000'000});
  }
  ~CommitFails() { storage::FaultPlan::disarm(); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(many_people_are_added_in_small_transactions_and_what_was_cut_off_is_completed) {
  TestSite site;
  site.make_list("big");
  site.make_list("cut");
  const auto people = many(2'500);
  const auto before = site.database->counters().commits;
  auto added = site.admin.add_members("big@lists.example", storage::Role::kMember, people);
  TestSite::require(added);
  BOOST_TEST(added->added == 2'500);
  BOOST_TEST(site.database->counters().commits - before == 3U);
  {
    const CommitFails second(2);
    added = site.admin.add_members("cut@lists.example", storage::Role::kMember, people);
  }
  BOOST_REQUIRE(!added.ok());
  BOOST_TEST(
      added.error().message.ends_with("; 1000 of 2500 people are added so far, run it again for the rest"),
      added.error().message);
  BOOST_TEST(site.admin.show_list("cut@lists.example")->members == 1'000);
  added = site.admin.add_members("cut@lists.example", storage::Role::kMember, people);
  TestSite::require(added);
  BOOST_TEST(added->added == 1'500);
  BOOST_TEST(added->already == 1'000);
  // By Ctrl-C.
  site.make_list("ended");
  int looks = 0;
  site.admin.end_when([&looks] { return looks++ > 0; });
  added = site.admin.add_members("ended@lists.example", storage::Role::kMember, people);
  BOOST_TEST(added.error().message ==
             "interrupted; 1000 of 2500 people are added so far, run it again for the rest");
}

BOOST_AUTO_TEST_CASE(a_long_text_is_applied_in_small_transactions_and_what_was_cut_off_is_completed) {
  TestSite site;
  site.make_list("old", {}, {}, {"own@o.example"});
  TestSite::require(site.admin.add_members("old@lists.example", storage::Role::kMember, many(1'500)));
  TestSite::require(site.admin.set_member("old@lists.example", storage::Role::kMember,
                                          test::address("m0@d0.example"), storage::Reception::kNone, {}));
  std::string text =
      "[lists.\"new@lists.example\"]\nowners = [\"own@o.example\"]\nmembers = [\"Ann <ann@x.example> (off)\"";
  for (const NewMember& member : many(2'499)) text += ",\n\"" + member.address.to_string() + "\"";
  text += "]\n[lists.\"old@lists.example\"]\nmembers = [\"m0@d0.example\"]\n";
  const auto planned = site.admin.apply_text(text, true);
  TestSite::require(planned);
  // The list with its owner, 2,500 who come, one who changes, 1,499 who go.
  BOOST_TEST(planned->lines.size() == 4'002U);
  {
    const CommitFails third(3);
    const auto cut = site.admin.apply_text(text, false);
    BOOST_REQUIRE(!cut.ok());
    BOOST_TEST(
        cut.error().message.ends_with("; 1002 of 4002 changes are made so far, run it again for the rest"),
        cut.error().message);
  }
  BOOST_TEST(site.admin.show_list("new@lists.example")->members == 1'000);
  BOOST_TEST(site.admin.show_list("old@lists.example")->members == 1'500);
  const auto before = site.database->counters().commits;
  const auto rest = site.admin.apply_text(text, false);
  TestSite::require(rest);
  BOOST_TEST(rest->lines.size() == 3'000U);
  BOOST_TEST(site.database->counters().commits - before == 4U);
  BOOST_TEST(site.admin.show_list("new@lists.example")->members == 2'500);
  BOOST_TEST(site.admin.show_list("old@lists.example")->members == 1);
  BOOST_TEST(site.member("old", "m0@d0.example")->has_mail());
  BOOST_TEST(!site.member("new", "ann@x.example")->has_mail());
  BOOST_TEST(site.member("new", "own@o.example", storage::Role::kOwner)->privileged);
  BOOST_TEST(site.admin.apply_text(text, true)->lines.empty());
}

BOOST_AUTO_TEST_CASE(a_short_text_is_applied_as_a_whole_or_not_at_all) {
  TestSite site;
  site.make_list("dev", {}, {"a@m.example"});
  const std::string text =
      "[domains.\"lists.example\"]\nlanguage = \"fr\"\n[domains.\"new.example\"]\n"
      "[lists.\"dev@lists.example\"]\nmembers = [\"b@m.example\"]\n[lists.\"x@new.example\"]\n";
  const auto exported = site.admin.export_text();
  TestSite::require(exported);
  {
    const CommitFails first(1);
    const auto cut = site.admin.apply_text(text, false);
    BOOST_REQUIRE(!cut.ok());
    BOOST_TEST(cut.error().message.find("so far") == std::string::npos, cut.error().message);
  }
  site.admin.end_when([] { return true; });
  BOOST_TEST(site.admin.apply_text(text, false).error().message == "interrupted");
  site.admin.end_when([] { return false; });
  BOOST_TEST(*site.admin.export_text() == *exported);
  const auto before = site.database->counters().commits;
  TestSite::require(site.admin.apply_text(text, false));
  BOOST_TEST(site.database->counters().commits - before == 1U);
}

BOOST_AUTO_TEST_CASE(a_step_looks_at_what_is_there_when_it_is_made) {
  TestSite site;
  site.make_list("dev", {}, {"known@m.example", "other@m.example"});
  const PersonText known{test::address("known@m.example"), "Known", storage::Reception::kNone};
  const PersonText fresh{test::address("fresh@m.example"), "Fresh"};
  const PersonText left{test::address("left@m.example"), "Left"};
  const PersonText gone{test::address("gone@m.example"), ""};
  const PersonText other{test::address("other@m.example"), ""};
  // Planned when "known" was not there, "left" was and had another name, and "gone" was.
  const PeopleStep step{
      "dev@lists.example", storage::Role::kMember, {&fresh, &known}, {&left}, {&gone, &other}};
  for (int again = 0; again < 2; ++again) {
    TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      return make_people({site.services, c, site.clock.wall_now()}, step);
    }));
    BOOST_TEST(site.member("dev", "known@m.example")->name == "Known");
    BOOST_TEST(!site.member("dev", "known@m.example")->has_mail());
    BOOST_TEST(site.member("dev", "fresh@m.example")->name == "Fresh");
    BOOST_TEST(site.member("dev", "left@m.example").has_value());
    BOOST_TEST(site.admin.show_list("dev@lists.example")->members == 3);
  }
}

BOOST_AUTO_TEST_CASE(who_goes_by_a_text_leaves_a_row_of_it_like_everybody) {
  TestSite site;
  site.make_list("dev", {}, {"ann@x.example", "bob@x.example"}, {"own@o.example"});
  const auto bob = site.member("dev", "bob@x.example")->id;
  TestSite::require(site.admin.apply_text(R"toml([lists."dev@lists.example"]
owners = ["other@o.example"]
members = ["ann@x.example"]
)toml",
                                          false));
  site.read([&](storage::Connection& c) {
    const auto left = storage::DepartureStore(c).of_list("dev@lists.example", {}, 10);
    TestSite::require(left);
    BOOST_REQUIRE(left->size() == 1U);
    BOOST_TEST(left->front().address == "bob@x.example");
    BOOST_TEST(left->front().member_id == bob);
    BOOST_TEST(left->front().how == "operator");
  });
}

BOOST_AUTO_TEST_CASE(whatever_name_somebody_has_what_is_exported_can_be_applied) {
  struct Row {
    std::string name, clean;
  };
  const Row rows[] = {
      {"A <b>", "A (b)"},
      {"Ann <ann@example.org>", "Ann (ann@example.org)"},
      {std::string(199, 'x') + "\xc3\xa9", std::string(199, 'x')},
      {std::string(199, 'x') + "\xc3", std::string(199, 'x') + "?"},
      {"a\r\nb\tc\x7f\xc2\x85"
       "d",
       "a  b c  d"},
      {"\xff\xe2\x82", "???"},
      {"\xe2\x82\xac \xf0\x9f\x90\x9d", "\xe2\x82\xac \xf0\x9f\x90\x9d"},
  };
  for (const bool stored_before : {false, true}) {
    TestSite site;
    const auto who = test::address("\"x<y\"@m.example");
    site.make_list("dev", {}, {"\"x<y\"@m.example", "ann@m.example"});
    for (const Row& row : rows) {
      if (stored_before) {
        const Id list = site.list("dev").id;
        TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
          return storage::MemberStore(c).set(list, storage::Role::kMember, who, storage::Reception::kEach,
                                             row.name);
        }));
      } else {
        TestSite::require(
            site.admin.set_member("dev@lists.example", storage::Role::kMember, who, {}, row.name));
        BOOST_TEST(site.member("dev", "\"x<y\"@m.example")->name == row.clean);
      }
      const auto text = site.admin.export_text();
      TestSite::require(text);
      const auto again = site.admin.apply_text(*text, false);
      BOOST_REQUIRE_MESSAGE(again.ok(), row.clean << ": " << (again.ok() ? "" : again.error().message));
      BOOST_TEST(again->lines.empty(), row.clean);
      TestSite other;
      TestSite::require(other.admin.apply_text(*text, false));
      BOOST_TEST(other.member("dev", "\"x<y\"@m.example")->name == row.clean);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_name_is_read_as_it_was_written_whatever_quotes_it_has) {
  for (const char* name :
       {"Ann", "\"Ann\"", "\"", "\"\"", " Ann ", "A \"B\" C", "\\", "\"a\\\"b\"", "\"\\\""}) {
    const PersonText person{test::address("ann@one.example"), name, storage::Reception::kNone};
    const auto again = parse_person(person_line(person));
    BOOST_REQUIRE_MESSAGE(again.ok(), name);
    BOOST_TEST((*again == person), name << " became " << again->name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
