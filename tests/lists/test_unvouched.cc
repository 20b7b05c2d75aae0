// What a From that nobody vouches for is answered: it may be of somebody who asked for nothing.
#include <algorithm>

#include "core/base/counters.h"
#include "lists/site_texts.h"
#include "tests/lists/author_site.h"

using namespace essaim;
using namespace essaim::lists;
using namespace essaim::test;

namespace {

constexpr const char* kAnn = "ann@author.example";
constexpr const char* kRobot = "sympa@lists.example";

struct Asked : AuthorSite {
  smtp::Reply ask(const std::string& to, const std::string& text, bool is_signed = false,
                  const std::string& from = kAnn) {
    static int n = 0;
    mailauth::Answers unused;
    const std::string mail = crlf("From: " + from + "\nTo: x@lists.example\nMessage-ID: <u" +
                                  std::to_string(++n) + "@a>\n\n" + text);
    auto reply = post(is_signed ? mailauth::signed_message(mail, {author_key()}, &unused) : mail,
                      author_zone(""), "eve@evil.example", nullptr, to);
    BOOST_TEST(reply.code == 250, reply.to_string());
    return reply;
  }
  void answer_question(const std::string& who, const std::string& from) {
    ask(last_question(*this, who).field("Reply-To"), "yes\n", false, from);
  }
};

std::uint64_t counted(Counter counter) {
  return counter_sums()[static_cast<std::size_t>(counter)];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unvouched_authors)

BOOST_AUTO_TEST_CASE(their_words_are_not_repeated_to_whom_they_name) {
  for (const bool is_signed : {false, true}) {
    BOOST_TEST_CONTEXT((is_signed ? "signed" : "not signed")) {
      Asked site;
      site.make_list("dev", {{"subscribe", "open"}}, {kAnn}, {"own@o.example"});
      site.ask(kRobot,
               "quiet signoff dev buy-pills@spam.example\ninfo buy-pills\nadd buy-pills\nset dev nomail\n"
               "signoff * buy-pills@spam.example\ndistribute dev buy-pills\nbuy-pills now\n",
               is_signed);
      const Letter letter = last_letter(site, kAnn);
      BOOST_TEST(has(letter.whole, "buy-pills") == is_signed, letter.text);
      const std::vector<const char*> said =
          is_signed
              ? std::vector<const char*>{"> quiet signoff dev buy-pills@spam.example\n  buy-pills@spam.example was asked",
                            "> info buy-pills\n  there is no list buy-pills\n",
                            "  not a command: buy-pills now\n"}
              : std::vector<const char*>{"> QUIET SIGNOFF dev@lists.example\n  ... was asked to confirm\n",
                            "> INFO\n  there is no list ...\n",
                            "> ADD\n  ADD: ADD list address [name] is how it is written\n",
                            "> SET dev@lists.example\n  the options of ann@author.example on",
                            "> SIGNOFF *\n  ... was asked to confirm\n",
                            "> DISTRIBUTE dev@lists.example\n  there is no such key\n",
                            "> ...\n  not a command: ...\n"};
      for (const char* words : said) BOOST_TEST(letter.says(words), words << " in " << letter.text);
      site.ask("dev-subscribe@lists.example", "", is_signed);
      const Letter already = last_letter(site, kAnn);
      BOOST_TEST(
          already.says(is_signed ? "> dev-subscribe@lists.example\n" : "> SUBSCRIBE dev@lists.example\n"),
          already.text);
      BOOST_TEST(already.says("ann@author.example was a member of dev@lists.example already"));
    }
  }
}

// Sender is of a domain that has not said that it knows of the message.
BOOST_AUTO_TEST_CASE(a_sender_beside_authors_of_another_domain_is_not_vouched_for) {
  Asked site;
  site.make_list("dev", {}, {"m@example.org"}, {"own@o.example"});
  mailauth::Answers unused;
  const std::string mail = mailauth::signed_message(
      crlf("From: ann@author.example, bob@author.example\nSender: ed@victim.example\nTo: x@lists.example\n"
           "Message-ID: <1@a>\n\nbuy-pills now\n"),
      {author_key()}, &unused);
  const auto reply = site.post(mail, author_zone(""), kAnn, nullptr, kRobot);
  BOOST_TEST(reply.code == 250, reply.to_string());
  BOOST_TEST(!has(last_letter(site, "ed@victim.example").whole, "buy-pills"));
}

BOOST_AUTO_TEST_CASE(the_members_of_a_public_list_are_named_to_who_has_the_mailbox) {
  Asked site;
  for (const char* name : {"dev", "other"})
    site.make_list(name, {{"review", "public"}}, {"m@example.org"}, {"own@o.example"});
  const auto names_them = [&site](const std::string& who) {
    return last_letter(site, who).says("m@example.org");
  };
  site.ask(kRobot, "review dev\n", true);
  BOOST_TEST(names_them(kAnn));

  site.ask(kRobot, "review dev\nreview other\n");
  const auto all = letters_to(site, kAnn);
  BOOST_TEST(std::count_if(all.begin(), all.end(),
                           [](const Letter& letter) { return letter.says("m@example.org"); }) == 1);
  BOOST_TEST(last_letter(site, kAnn).says("> REVIEW dev@lists.example\n  ann@author.example was asked"));
  const Letter question = last_question(site, kAnn);
  BOOST_TEST(question.says("see the members of other@lists.example"), question.text);
  // With the key of one, the names do not go to another.
  site.answer_question(kAnn, "bob@author.example");
  const Letter refused = last_letter(site, "bob@author.example");
  BOOST_TEST(!refused.says("m@example.org"));
  BOOST_TEST(refused.says("not allowed: who asks for this has to be known by more than From"), refused.text);
  site.clock.advance(std::chrono::hours(2));
  site.ask(kRobot, "review other\n");
  BOOST_TEST(!names_them(kAnn));
  site.answer_question(kAnn, "Ann@author.example");
  BOOST_TEST(last_letter(site, "Ann@author.example").says("m@example.org"));
}

BOOST_AUTO_TEST_CASE(what_is_told_of_many_lists_has_an_end) {
  for (const bool is_signed : {false, true}) {
    BOOST_TEST_CONTEXT((is_signed ? "signed" : "not signed")) {
      Asked site;
      std::string text;
      for (int i = 0; i < 30; ++i) {
        std::vector<std::string> owners;
        owners.reserve(30);
        for (int n = 0; n < 30; ++n)
          owners.push_back(std::string(60, 'o') + std::to_string(n) + "@o.example");
        site.make_list("l" + std::to_string(i), {},
                       i < 20 ? std::vector<std::string>{kAnn} : std::vector<std::string>{}, owners);
        text += "info l" + std::to_string(i) + "\n";
      }
      site.ask(kRobot, text + "set * nomail\nset * conceal\nverify l1\n", is_signed);
      const Letter letter = last_letter(site, kAnn);
      BOOST_TEST((letter.text.size() > 50'000) == is_signed);
      BOOST_TEST(letter.says("not allowed: who asks for this has to be known by more than From") !=
                 is_signed);
      BOOST_TEST(letter.says("you are known as ann@author.example"));
      // What was done is told, and what is not told was not done.
      for (int i = 0; i < 20; ++i) {
        const std::string list = "l" + std::to_string(i);
        BOOST_TEST(
            letter.says("the options of ann@author.example on " + list + "@lists.example were changed"),
            list);
        const auto ann = site.member(list, kAnn);
        BOOST_REQUIRE(ann.has_value());
        BOOST_TEST(!ann->has_mail());
        BOOST_TEST(ann->conceal == is_signed);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(no_key_is_spent_for_nothing) {
  Asked site;
  std::string confirm;
  for (const char* name : {"dev", "other"}) {
    std::vector<std::string> members;
    members.reserve(700);
    for (int i = 0; i < 700; ++i)
      members.push_back(name + std::string(50, 'x') + std::to_string(i) + "@example.org");
    site.make_list(name, {{"review", "public"}}, members, {"own@o.example"});
    site.ask(kRobot, "review " + std::string(name) + "\n");
    confirm += "confirm " + last_question(site, kAnn).key() + "\n";
  }
  site.ask(kRobot, confirm);
  const Letter letter = last_letter(site, kAnn);
  for (const char* name : {"dev", "other"})
    BOOST_TEST(letter.says(name + std::string(50, 'x') + "699@example.org"), name);
}

// They heard nothing: the address is in all archives, and a refusal would go to whom others name.
BOOST_AUTO_TEST_CASE(a_member_who_may_not_leave_so_is_asked_and_hears_why_not) {
  const struct {
    const char* rule;
    bool is_member, leaves;
  } rows[] = {{"closed", true, false}, {"closed", false, false}, {"mine", true, true}};
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.rule << (row.is_member ? ", member" : "")) {
      Asked site;
      SiteTexts texts(*site.database, site.clock);
      TestSite::require(texts.set({}, storage::TextKind::kScenario, "unsubscribe.mine",
                                  "true()  smtp  -> reject(reason='unsub_closed')\ntrue()  md5  -> do_it\n"));
      site.make_list("dev", {{"unsubscribe", row.rule}}, {row.is_member ? kAnn : "m@example.org"},
                     {"own@o.example"});
      const auto letters = [&site] { return letters_to(site, kAnn).size(); };
      // Once, however often it is asked for.
      for (int i = 0; i < 3; ++i) site.ask("dev-unsubscribe@lists.example", "");
      BOOST_TEST(letters() == (row.is_member ? 1U : 0U));
      if (!row.is_member) continue;
      BOOST_TEST(last_letter(site, kAnn).says("take ann@author.example off dev@lists.example"));
      site.answer_question(kAnn, kAnn);
      BOOST_TEST(letters() == 2U);
      BOOST_TEST(site.member("dev", kAnn).has_value() != row.leaves);
      const Letter last = last_letter(site, kAnn);
      BOOST_TEST(last.says("not allowed: nobody may leave this list by himself") != row.leaves, last.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_sent_to_them_is_counted) {
  Asked site;
  std::string text;
  for (int i = 0; i < 45; ++i) {
    site.make_list("l" + std::to_string(i), {{"subscribe", "auth"}, {"unsubscribe", "auth"}},
                   {"bob@author.example"});
    text += "signoff l" + std::to_string(i) + " bob@author.example\n";
  }
  const auto questions = counted(Counter::kLimitedQuestions), commands = counted(Counter::kLimitedCommands);
  site.ask(kRobot, text);
  BOOST_TEST(letters_to(site, "bob@author.example").size() == 20U);
  BOOST_TEST(counted(Counter::kLimitedQuestions) == questions + 25);
  for (int i = 1; i < 30; ++i) site.ask(kRobot, "verify l1\n");
  const auto reply = site.post(crlf("From: ann@author.example\nMessage-ID: <last@a>\n\nhelp\n"),
                               author_zone(""), "eve@evil.example", nullptr, kRobot);
  BOOST_TEST(reply.to_string().ends_with("[rule: rate]"), reply.to_string());
  BOOST_TEST(counted(Counter::kLimitedCommands) == commands + 1);
}

BOOST_AUTO_TEST_SUITE_END()
