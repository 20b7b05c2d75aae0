// The rules as a peer meets them: what is refused at the end of DATA, with which reply.
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::TestSite;

BOOST_AUTO_TEST_SUITE(list_rules)

namespace {
std::string received(int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += "Received: from a by b; Sun, 22 Nov 2026 18:52:04 +0000\n";
  return out;
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_post_is_decided_by_the_first_rule_that_minds) {
  TestSite site;
  site.make_list("dev", {}, {"member@m.example"}, {"owner@o.example"});
  site.join("dev", {"editor@e.example"}, storage::Role::kEditor);
  site.make_list("open", {{"post", "anyone"}, {"max_size", "1K"}});
  site.make_list("news", {{"post", "owners"}}, {"member@m.example"}, {"owner@o.example"});
  site.make_list("mute", {{"post", "nobody"}}, {"member@m.example"}, {"owner@o.example"});
  int n = 0;
  struct Row {
    const char* what;
    std::string from;  // reverse-path
    std::string list;
    std::string author;
    std::string more;
    std::string reply;  // begins with
    std::string rule;
  };
  const Row rows[] = {
      {"a member", "member@m.example", "dev", "member@m.example", "", "250 2.0.0", ""},
      {"a member in other letters", "x@y.example", "dev", "Me <Member@M.EXAMPLE>", "", "250 2.0.0", ""},
      {"an owner", "owner@o.example", "dev", "owner@o.example", "", "250 2.0.0", ""},
      {"an editor", "editor@e.example", "dev", "editor@e.example", "", "250 2.0.0", ""},
      {"a stranger", "x@y.example", "dev", "x@y.example", "", "550 5.7.2", "send.private:6"},
      {"a stranger with a member's envelope", "member@m.example", "dev", "x@y.example", "", "550 5.7.2",
       "send.private:6"},
      {"a stranger to an open list", "x@y.example", "open", "x@y.example", "", "250 2.0.0", ""},
      {"a member where owners post", "member@m.example", "news", "member@m.example", "", "550 5.7.2",
       "send.owneroreditor:5"},
      {"an owner where owners post", "owner@o.example", "news", "owner@o.example", "", "250 2.0.0", ""},
      {"an owner where nobody posts", "owner@o.example", "mute", "owner@o.example", "", "550 5.7.2",
       "send.closed:3"},
      {"null sender", "", "open", "x@y.example", "", "550 5.7.1", "null-sender"},
      {"own List-Id", "x@y.example", "open", "x@y.example", "List-Id: Talk <OPEN.lists.example>\n",
       "554 5.4.6", "loop"},
      {"foreign List-Id", "x@y.example", "open", "x@y.example", "List-Id: <talk.other.example>\n",
       "250 2.0.0", ""},
      {"own X-Loop", "x@y.example", "open", "x@y.example", "X-Loop: Open@lists.example\n", "554 5.4.6",
       "loop"},
      {"100 hops", "x@y.example", "dev", "member@m.example", received(100), "250 2.0.0", ""},
      {"101 hops", "x@y.example", "dev", "member@m.example", received(101), "554 5.4.6", "hops"},
      {"out of office", "x@y.example", "open", "x@y.example", "Auto-Submitted: auto-replied (vacation)\n",
       "550 5.7.1", "automatic-reply"},
      {"a nightly report", "x@y.example", "open", "x@y.example", "Auto-Submitted: auto-generated\n",
       "250 2.0.0", ""},
      {"two From fields", "x@y.example", "open", "x@y.example", "From: other@y.example\n", "554 5.6.0",
       "no-author"},
      {"no address in From", "x@y.example", "open", "undisclosed", "", "554 5.6.0", "no-author"},
      {"an address that is none, beside another's", "x@y.example", "open",
       "Rector <rector@uni.example> ., x@y.example", "", "554 5.6.0", "no-author"},
      {"one in an encoded word", "x@y.example", "open",
       "=?utf-8?q?Rector_=3Crector=40uni=2Eexample=3E?=, x@y.example", "", "554 5.6.0", "no-author"},
      {"one for the name of a group", "x@y.example", "open", "Rector <rector@uni.example>: x@y.example;", "",
       "554 5.6.0", "no-author"},
      {"a comma in a name", "x@y.example", "open", "Smith, John <x@y.example>", "", "250 2.0.0", ""},
      {"a group", "x@y.example", "open", "Bees: x@y.example;", "", "250 2.0.0", ""},
      {"two authors", "x@y.example", "open", "a@y.example, b@y.example", "", "554 5.6.0", "several-authors"},
      {"two authors and a Sender", "x@y.example", "dev", "a@y.example, b@y.example",
       "Sender: member@m.example\n", "250 2.0.0", ""},
      {"too large", "x@y.example", "open", "x@y.example", "X-Long: " + std::string(900, 'x') + "\n",
       "552 5.3.4", "max-size"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      const std::size_t before = site.posts().size();
      const std::string id = "<rules" + std::to_string(++n) + "@x>";
      const auto reply = site.send(row.from, {row.list + "@lists.example"}, a_post(row.author, id, row.more));
      BOOST_TEST(reply.to_string().starts_with(row.reply), reply.to_string());
      if (!row.rule.empty())
        BOOST_TEST(reply.text.find("[rule: " + row.rule + "]") != std::string::npos, reply.to_string());
      BOOST_TEST(site.posts().size() == before + (row.rule.empty() ? 1 : 0));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_says_why_and_what_to_do_and_whom_to_ask) {
  TestSite site;
  site.make_list("dev", {{"max_size", "1K"}}, {"member@m.example"}, {"owner@o.example"});
  site.make_list("club", {{"subscribe", "closed"}}, {"member@m.example"}, {"owner@o.example"});
  site.make_list("hidden", {{"send", "confidential"}}, {"member@m.example"}, {"owner@o.example"});
  site.make_list("plain", {{"send", "publicnomultipart"}}, {}, {"owner@o.example"});
  const auto said = [&](const std::string& list, const std::string& more = "") {
    return site
        .send("x@y.example", {list + "@lists.example"}, a_post("x@y.example", "<" + list + "@x>", more))
        .to_string();
  };
  BOOST_TEST(
      said("dev") ==
      "550 5.7.2 dev@lists.example: only members may post to this list; write from the address that is a "
      "member, not from x@y.example, or join by dev-subscribe@lists.example; questions: "
      "dev-owner@lists.example [rule: send.private:6]");
  BOOST_TEST(
      said("dev", "X-Long: " + std::string(900, 'x') + "\n")
          .ends_with("the list takes 1K; send a link to what is large; questions: dev-owner@lists.example "
                     "[rule: max-size]"));
  BOOST_TEST(
      said("club") ==
      "550 5.7.2 club@lists.example: only members may post to this list; write from the address that is a "
      "member, not from x@y.example; questions: club-owner@lists.example [rule: send.private:6]");
  // Others are not told anything.
  BOOST_TEST(said("hidden") == "550 5.7.1 not accepted [rule: send.confidential:6]");
  BOOST_TEST(
      said("plain", "Content-Type: multipart/mixed; boundary=b\n") ==
      "550 5.7.2 plain@lists.example: only messages of one part may be posted to this list; send it as plain "
      "text without attachments; questions: plain-owner@lists.example [rule: send.publicnomultipart:3]");
  // What has no room in a line goes, the rule last of all.
  const std::string long_name(50, 'l'), from = std::string(60, 'a') + "@" + std::string(60, 'b') + ".example";
  site.make_list(long_name, {}, {"member@m.example"}, {"owner@o.example"});
  const std::string wire =
      site.send("x@y.example", {long_name + "@lists.example"}, a_post(from, "<long@x>")).to_wire();
  BOOST_TEST(wire.size() <= 512U, wire);
  BOOST_TEST(wire.ends_with("[rule: send.private:6]\r\n"), wire);
}

BOOST_AUTO_TEST_CASE(a_command_in_the_subject_of_a_post_is_told_where_it_goes) {
  TestSite site;
  site.make_list("dev", {{"subject_tag", "[dev]"}}, {"a@m.example"});
  const auto reply = [&](const std::string& subject) {
    return site
        .send("a@m.example", {"dev@lists.example"},
              test::crlf("From: a@m.example\nTo: dev@lists.example\nSubject: " + subject + "\nMessage-ID: <" +
                         std::to_string(site.posts().size()) + "@x>\n\n\n"))
        .to_string();
  };
  for (const char* subject : {"unsubscribe", "Unsubscribe dev", "SIGNOFF dev@lists.example"}) {
    BOOST_TEST(reply(subject) ==
               "550 5.7.1 this goes to all members: to leave the list write to "
               "dev-unsubscribe@lists.example, to post it give it another subject [rule: command]");
  }
  BOOST_TEST(reply("subscribe").find("to join the list write to dev-subscribe@lists.example") !=
             std::string::npos);
  BOOST_TEST(site.posts().empty());
  for (const char* subject : {"unsubscribe other", "How do I unsubscribe?", "subscribe dev to the journal",
                              "unsubscribe dev b@m.example", "Re: [dev] unsubscribe", "help"})
    BOOST_TEST(reply(subject).starts_with("250 "), subject);
  // A list of people who talk about such commands.
  site.make_list("help", {{"misaddressed_commands", "accept"}}, {"a@m.example"});
  BOOST_TEST(site.send("a@m.example", {"help@lists.example"},
                       test::crlf("From: a@m.example\nTo: help@lists.example\nSubject: unsubscribe\n"
                                  "Message-ID: <passes@x>\n\n\n"))
                 .positive());
}

BOOST_AUTO_TEST_CASE(machines_answers_are_refused_and_what_they_send_of_their_own_accord_is_not) {
  TestSite site;
  site.make_list("open", {{"post", "anyone"}});
  site.make_list("away", {{"post", "anyone"}, {"automatic_replies", "accept"}});
  int n = 0;
  const auto reply = [&](const std::string& list, const std::string& header) {
    return site
        .send("x@y.example", {list + "@lists.example"},
              test::crlf("From: x@y.example\nTo: open@lists.example\nMessage-ID: <auto" +
                         std::to_string(++n) + "@x>\n" + header + "\nwords\n"))
        .to_string();
  };
  const std::string exchange =
      "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\n"
      "X-MS-Exchange-Inbox-Rules-Loop: x@y.example\nauto-submitted: auto-generated\n"
      "X-Auto-Response-Suppress: All\nIn-Reply-To: <post@x>\nReferences: <post@x>\n";
  const std::string tracker =
      "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\nIn-Reply-To: <issue_1@git.example>\n"
      "References: <issue_1@git.example>\n";
  for (const std::string& answer :
       {exchange + "Subject: Automatic reply: [open] Honey\n", exchange + "Subject: I am at the sea\n",
        std::string("Auto-Submitted: auto-generated\nSubject: Automatische Antwort: Honig\n"),
        std::string("Auto-Submitted: auto-generated\n"
                    "Subject: =?utf-8?Q?R=C3=A9ponse_automatique_=3A?= miel\n"),
        std::string("X-Auto-Response-Suppress: All\nSubject: [EXTERNAL] Automatic reply: Honey\n"),
        std::string("Precedence: bulk\nSubject: Out of Office AutoReply: Honey\n"),
        std::string("Precedence: auto_reply\nSubject: x\n"), std::string("X-Autoreply: yes\nSubject: x\n"),
        std::string("X-Autorespond: Honey\nSubject: x\n"), std::string("X-Vacation: yes\nSubject: x\n"),
        std::string("Delivered-To: Autoresponder\nSubject: x\n"),
        std::string("Auto-Submitted: auto-replied; owner-email=x@y.example\nSubject: x\n")}) {
    BOOST_TEST(
        reply("open", answer) == "550 5.7.1 automatic answers are not distributed [rule: automatic-reply]",
        answer);
    BOOST_TEST(reply("away", answer).starts_with("250 "), answer);
  }
  for (const std::string& post :
       {tracker + "Subject: Re: [hive] The lid is stuck (#12)\n",
        tracker + "Subject: Re: Calendar of absences\n",
        std::string("Auto-Submitted: auto-generated\nSubject: Cron <root@y> backup\n"),
        std::string("Auto-Submitted: auto-generated\nPrecedence: bulk\nSubject: Build 7 failed\n"),
        std::string("X-Auto-Response-Suppress: OOF\nSubject: A page was changed\n"),
        // Of people, about such answers; and what a rule of theirs has passed on.
        std::string("In-Reply-To: <post@x>\nSubject: Automatic reply: how do I turn it off?\n"),
        std::string("In-Reply-To: <post@x>\nSubject: Re: Out of office\n"), exchange + "Subject: FW: Honey\n",
        exchange + "Resent-From: z@y.example\nSubject: Honey\n",
        std::string("Auto-Submitted: no\nX-Autoreply: no\nSubject: Autoreply\n")})
    BOOST_TEST(reply("open", post).starts_with("250 "), post + reply("open", post));
}

BOOST_AUTO_TEST_CASE(what_is_no_message_is_refused) {
  TestSite site;
  site.make_list("open", {{"post", "anyone"}});
  for (const std::string& content :
       {std::string("From: a@b\rSubject: x\r\n\r\n"), std::string("From: a@b\nSubject: x\r\n\r\n"),
        std::string("From: a@b\r\nX: a\0b\r\n\r\n", 21), std::string("\r\nno header\r\n"), std::string(""),
        "X: " + std::string(300 * 1024, 'x') + "\r\n\r\n"}) {
    const auto reply = site.send("a@b.example", {"open@lists.example"}, content);
    BOOST_TEST(reply.to_string().starts_with("554 5.6.0"), reply.to_string());
  }
  BOOST_TEST(site.posts().empty());
}

BOOST_AUTO_TEST_CASE(real_messages_pass_an_open_list_or_are_refused_with_a_rule) {
  TestSite site;
  site.make_list("open", {{"post", "anyone"}, {"footer", "-- \nfooter\n"}, {"subject_tag", "[open]"}},
                 {"a@member.example"});
  const std::string folder = std::string(ESSAIM_SOURCE_DIR) + "/tests/messages";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".eml") continue;
    ++files;
    BOOST_TEST_CONTEXT(entry.path()) {
      const auto reply = site.send("a@b.example", {"open@lists.example"}, test::file_text(entry.path()));
      BOOST_TEST((reply.code == 250 || reply.text.find("[rule: ") != std::string::npos), reply.to_string());
      if (reply.code == 250)
        BOOST_TEST(site.rendering(site.last_id).find("X-Loop: open@lists.example\r\n") != std::string::npos);
    }
  }
  BOOST_TEST(files > 10);
}

BOOST_AUTO_TEST_CASE(lists_that_are_members_of_each_other_do_not_go_round) {
  TestSite site;
  site.make_list("one", {{"post", "anyone"}, {"subject_tag", "[one]"}}, {"two@lists.example"});
  site.make_list("two", {{"post", "anyone"}, {"footer", "two"}}, {"one@lists.example"});
  BOOST_TEST(site.send("x@y.example", {"one@lists.example"}, a_post("x@y.example")).positive());
  const std::string by_one = site.rendering(site.last_id);
  BOOST_TEST(site.send("bounce@lists.example", {"two@lists.example"}, by_one).positive());
  const std::string by_two = site.rendering(site.last_id);
  const auto reply = site.send("bounce@lists.example", {"one@lists.example"}, by_two);
  BOOST_TEST(reply.text.find("[rule: loop]") != std::string::npos, reply.to_string());
}

BOOST_AUTO_TEST_SUITE_END()
