// Mail that decides about much at once: each answer for itself, and commands in as many transactions as it takes.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lists/relay.h"
#include "storage/fault.h"
#include "storage/held_store.h"
#include "storage/sql.h"
#include "tests/lists/mailbox.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;
using storage::FaultPlan;

namespace {

// Members leave at once.
struct Lists : TestSite {
  static constexpr int kLists = 60;
  Lists() {
    for (int i = 0; i < kLists; ++i)
      make_list("l" + std::to_string(i), {{"unsubscribe", "open"}}, {"ann@x.example"});
  }
  std::size_t memberships() {
    std::size_t out = 0;
    read([&](storage::Connection& c) {
      const auto all = storage::MemberStore(c).of_person(address("ann@x.example"), 500);
      require(all);
      out = all->size();
    });
    return out;
  }
};

// How many times a list is named in what it says.
std::size_t lists_named(const Letter& letter) {
  std::size_t out = 0;
  for (std::size_t at = letter.text.find("@lists.example\n"); at != std::string::npos;
       at = letter.text.find("@lists.example\n", at + 1))
    ++out;
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(answers_apart)

BOOST_AUTO_TEST_CASE(one_answer_that_cannot_be_carried_out_keeps_back_none_of_the_others) {
  Moderated site;
  std::vector<std::string> to;
  for (const char* id : {"<1@x>", "<2@x>", "<3@x>"}) site.post("ann@x.example", id);
  const auto waiting = site.held();
  BOOST_REQUIRE(waiting.size() == 3U);
  for (const auto& one : waiting) to.push_back("approve+" + one.key + "@lists.example");
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::sql::run(c, "DELETE FROM held_message WHERE held_id = ?", waiting[1].id);
  }));
  LogLines log;
  const std::string mail = a_mail("eve@e.example", "Re: x", "yes\n");
  const auto reply = site.send("eve@e.example", to, mail);
  BOOST_TEST(reply.temporary(), reply.to_string());
  BOOST_TEST(list_posts(site) == 2U);
  BOOST_TEST_REQUIRE(site.held().size() == 1U);
  BOOST_TEST(site.held().front().id == waiting[1].id);
  // It comes again, and what was decided stays so.
  BOOST_TEST(site.send("eve@e.example", to, mail).temporary());
  BOOST_TEST(list_posts(site) == 2U);
  BOOST_TEST(last_letter(site, "eve@e.example").says("this was approved already by eve@e.example"));
}

BOOST_AUTO_TEST_CASE(of_several_answers_who_has_logged_in_is_told_which_was_refused) {
  for (const bool has_login : {false, true}) {
    Moderated site;
    site.post("ann@x.example", "<1@x>");
    site.post("ann@x.example", "<2@x>");
    const auto waiting = site.held();
    BOOST_REQUIRE(waiting.size() == 2U);
    auto submission = std::make_shared<lists::Submission>();
    submission->id = site.ids.next();
    submission->reverse_path = address("eve@e.example");
    if (has_login)
      submission->login =
          std::make_shared<const sasl::Login>(sasl::Login{"eve", "PLAIN", {"eve@e.example"}, true});
    submission->content = a_mail("eve@e.example", "Re: x", "I wonder\n");
    for (const std::string& to : {"approve+" + waiting[0].key, "answer+" + waiting[1].key}) {
      const auto resolved = site.rcpt(to + "@lists.example");
      BOOST_REQUIRE(resolved.target != nullptr);
      submission->recipients.push_back({address(to + "@lists.example"), resolved.target});
    }
    const std::size_t before = letters_to(site, "eve@e.example").size();
    BOOST_TEST(site.submit(submission).positive());
    BOOST_TEST(list_posts(site) == 1U);
    BOOST_TEST(site.held().size() == 1U);
    const auto letters = letters_to(site, "eve@e.example");
    BOOST_TEST(letters.size() == before + (has_login ? 1U : 0U));
    if (has_login)
      BOOST_TEST(letters.back().whole.find("answer+" + waiting[1].key) != std::string::npos,
                 letters.back().whole);
  }
}

// What goes to people elsewhere is known again by nobody, so it is stored last: behind it nothing may fail for now.
BOOST_AUTO_TEST_CASE(what_else_a_mail_is_to_goes_out_once_wherever_it_is_cut_off) {
  for (const std::uint64_t cut_off : {1, 2}) {
    Moderated site;
    site.post();
    BOOST_TEST_REQUIRE(site.held().size() == 1U);
    const std::string key = "approve+" + site.held().front().key + "@lists.example";
    const auto target = site.rcpt(key).target;
    const auto send = [&] {
      auto submission = std::make_shared<lists::Submission>();
      submission->id = site.last_id = site.ids.next();
      submission->reverse_path = address("eve@e.example");
      submission->login =
          std::make_shared<const sasl::Login>(sasl::Login{"eve", "PLAIN", {"eve@e.example"}, true});
      submission->content = a_mail("eve@e.example", "Re: x", "yes\n");
      const smtp::Address elsewhere = address("bob@elsewhere.example");
      submission->recipients.push_back({elsewhere, lists::relay_target(elsewhere)});
      submission->recipients.push_back({address(key), target});
      return site.submit(submission);
    };
    FaultPlan::arm({FaultPlan::Where::kBeforeCommit, cut_off});
    const auto first = send();
    FaultPlan::disarm();
    BOOST_TEST(first.temporary(), first.to_string());
    const auto again = send();
    BOOST_TEST(again.to_string() == "250 2.0.0 Ok: queued as " + format_id(site.last_id));
    BOOST_TEST(list_posts(site) == 1U);
    std::size_t relayed = 0;
    for (const auto& post : site.posts()) relayed += post.target == "bob@elsewhere.example" ? 1U : 0U;
    BOOST_TEST(relayed == 1U);
  }
}

BOOST_FIXTURE_TEST_CASE(who_leaves_very_many_lists_leaves_them_in_several_transactions_and_gets_one_answer,
                        Lists) {
  const std::string mail = a_mail("ann@x.example", "", "signoff *\nwhich\n");
  FaultPlan::arm({FaultPlan::Where::kBeforeCommit, 0});
  BOOST_TEST(send("ann@x.example", {"sympa@lists.example"}, mail).positive());
  const auto commits = FaultPlan::seen(FaultPlan::Where::kBeforeCommit);
  FaultPlan::disarm();
  BOOST_TEST(commits >= 4U);
  BOOST_TEST(memberships() == 0U);
  std::size_t answers = 0;
  for (const Letter& letter : letters_to(*this, "ann@x.example"))
    answers += letter.says("> SIGNOFF *") || letter.says("> signoff *");
  BOOST_TEST(answers == 1U);
  const Letter answer = last_letter(*this, "ann@x.example");
  BOOST_TEST(lists_named(answer) == kLists, answer.text);
  BOOST_TEST(answer.says("> which"), answer.text);
  // The same mail again.
  BOOST_TEST(send("ann@x.example", {"sympa@lists.example"}, mail).to_string().find("taken before") !=
             std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(what_is_cut_off_between_two_transactions_is_done_when_it_comes_again, Lists) {
  const std::string mail = a_mail("ann@x.example", "", "signoff *\n");
  FaultPlan::arm({FaultPlan::Where::kBeforeCommit, 3});
  const auto reply = send("ann@x.example", {"sympa@lists.example"}, mail);
  FaultPlan::disarm();
  BOOST_TEST(reply.temporary(), reply.to_string());
  const std::size_t left = memberships();
  BOOST_TEST(left > 0U);
  BOOST_TEST(left < kLists);
  const auto again = send("ann@x.example", {"sympa@lists.example"}, mail);
  BOOST_TEST(again.positive(), again.to_string());
  BOOST_TEST(again.to_string().find("taken before") == std::string::npos);
  BOOST_TEST(memberships() == 0U);
  BOOST_TEST(lists_named(last_letter(*this, "ann@x.example")) == left);
}

BOOST_AUTO_TEST_CASE(one_command_for_many_posts_decides_each_once_wherever_it_is_cut_off) {
  for (const auto where : {FaultPlan::Where::kBeforeCommit, FaultPlan::Where::kAfterCommit}) {
    Moderated site("editorkey", {{"tell_held", "false"}});
    std::string keys;
    for (int i = 0; i < 20; ++i) site.post("ann@x.example", "<" + std::to_string(i) + "@x>");
    for (const auto& one : site.held()) keys += " " + one.key;
    const std::string mail = a_mail("eve@e.example", "", "DISTRIBUTE dev" + keys + "\n");
    std::size_t cut_off = 0;
    for (bool done = false; !done;) {
      BOOST_REQUIRE(++cut_off < 10U);
      FaultPlan::arm({where, 2});
      done = site.send("eve@e.example", {"sympa@lists.example"}, mail).positive();
      FaultPlan::disarm();
      BOOST_TEST(list_posts(site) + site.held().size() == 20U);
    }
    BOOST_TEST(cut_off > 1U);
    BOOST_TEST(list_posts(site) == 20U);
    BOOST_TEST(site.held().empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
