#include "core/base/counters.h"
#include "core/base/text.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::crlf;
using essaim::test::TestSite;

namespace {

std::string dsn(const std::string& recipient, const std::string& action, const std::string& status,
                const std::string& diagnostic = "smtp; 550 no such user",
                const std::string& from = "Mail System <MAILER-DAEMON@mx.one.example>") {
  return crlf("From: " + from +
              "\nTo: x\nSubject: Delivery report\nMIME-Version: 1.0\n"
              "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
              "--b\nContent-Type: text/plain\n\nsorry\n"
              "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.one.example\n\n"
              "Final-Recipient: rfc822; " +
              recipient + "\nAction: " + action + "\nStatus: " + status + "\nDiagnostic-Code: " + diagnostic +
              "\n\n--b--\n");
}

std::string verp(TestSite& site, Id post_id, Id member_id) {
  std::string out;
  site.read([&](storage::Connection& c) {
    const auto post = storage::PostStore(c).find(post_id);
    BOOST_REQUIRE((*post).has_value());
    site.tokens.append_verp(**post, member_id, &out);
  });
  return out + "@lists.example";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_bounces)

BOOST_AUTO_TEST_CASE(a_failure_report_is_recorded_on_the_member_once_for_a_post) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example", "b@two.example"});
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const Id post = site.last_id;
  const std::string to = verp(site, post, site.member("dev", "a@one.example")->id);
  BOOST_TEST(site.send("", {to}, dsn("a@one.example", "delayed", "4.4.1")).positive());
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 0);
  BOOST_TEST(log.has({"bounce", "result=delayed"}));
  // Forwarded elsewhere: the report names another address, the envelope knows better.
  BOOST_TEST(site.send("", {to}, dsn("a@elsewhere.example", "failed", "5.1.1")).positive());
  auto member = site.member("dev", "a@one.example");
  BOOST_TEST(member->bounces == 1);
  BOOST_TEST(member->last_bounce == "5.1.1 550 no such user");
  BOOST_TEST(site.send("", {to}, dsn("a@one.example", "failed", "5.1.1")).positive());
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
  BOOST_TEST(site.member("dev", "b@two.example")->bounces == 0);
  BOOST_TEST(site.send("someone@one.example", {to}, a_post("someone@one.example")).positive());
  BOOST_TEST(log.has({"bounce", "not a DSN"}));
  BOOST_TEST(site.posts().size() == 1);
  std::string forged = to;
  forged[to.find('@') - 1] = forged[to.find('@') - 1] == '0' ? '1' : '0';
  BOOST_TEST(site.rcpt(forged).reply.to_string().starts_with("550 5.1.1"));
}

// A server took it, and what stands behind that server did not.
BOOST_AUTO_TEST_CASE(a_late_report_about_the_message_counts_against_nobody_and_is_told_once) {
  const struct {
    const char* status;
    const char* diagnostic;
    bool counts;
  } rows[] = {
      {"5.7.1", "smtp; 550 5.7.1 rejected by a transport rule", false},
      {"5.6.7", "smtp; 550 no SMTPUTF8", false},
      {"5.3.4", "smtp; 552 too big", false},
      {"5.2.3", "smtp; 550 5.2.3 RESOLVER.RST.RecipSizeLimit", false},
      {"5.0.0", "smtp; 550 5.7.1 taken for spam", false},
      {"5.0.0", "smtp; 550-5.7.1 taken for spam 550 5.7.1 by us", false},
      {"5.1.1", "smtp; 550 no such user", true},
      {"5.2.1", "smtp; 550 disabled", true},
      {"5.2.2", "smtp; 552 5.2.2 mailbox full", true},
      {"5.0.0", "smtp; 550 no such user 5.1", true},
  };
  for (const auto& row : rows) {
    for (const bool common : {false, true}) {
      BOOST_TEST_CONTEXT(row.status << " " << row.diagnostic << (common ? ", common" : "")) {
        TestSite site;
        test::LogLines log;
        site.make_list("dev", {{"post", "anyone"}, {"envelope", common ? "common" : "personal"}},
                       {"a@one.example", "b@two.example"}, {"owner@o.example"});
        site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
        const auto post = site.posts().front();
        const auto report = [&](const std::string& who) {
          const std::string to =
              common ? post.envelope_sender : verp(site, post.id, site.member("dev", who)->id);
          BOOST_TEST(site.send("", {to}, dsn(who, "failed", row.status, row.diagnostic)).positive());
          BOOST_TEST(site.member("dev", who)->bounces == (row.counts ? 1 : 0));
        };
        report("a@one.example");
        report("a@one.example");
        report("b@two.example");
        BOOST_TEST(log.has({"message-refused", "to=a@one.example"}) == !row.counts);
        auto posts = site.posts();
        BOOST_REQUIRE(posts.size() == (row.counts ? 1U : 2U));
        if (row.counts) continue;
        const auto told = posts[0].id == post.id ? posts[1] : posts[0];
        BOOST_TEST(site.recipients(told.id) == std::vector<std::string>{"owner@o.example"});
        BOOST_TEST(site.rendering(told.id).find("a server took it and reports now") != std::string::npos);
        BOOST_TEST(site.rendering(told.id).find("a@one.example") != std::string::npos);
        BOOST_TEST((site.rendering(told.id).find("(not proven: ") != std::string::npos) == common);
      }
    }
  }
  TestSite quiet;
  quiet.make_list("dev", {{"post", "anyone"}, {"report_failures", "false"}}, {"a@one.example"},
                  {"owner@o.example"});
  quiet.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const std::string to = verp(quiet, quiet.last_id, quiet.member("dev", "a@one.example")->id);
  BOOST_TEST(quiet.send("", {to}, dsn("a@one.example", "failed", "5.7.1")).positive());
  BOOST_TEST(quiet.posts().size() == 1U);
}

BOOST_AUTO_TEST_CASE(owners_read_reports_in_the_language_of_their_list) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}, {"language", "de"}}, {"a@one.example"}, {"owner@o.example"});
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const Id post = site.last_id;
  const std::string to = verp(site, post, site.member("dev", "a@one.example")->id);
  BOOST_TEST(site.send("", {to}, dsn("a@one.example", "failed", "5.7.1")).positive());
  BOOST_REQUIRE(site.posts().size() == 2U);
  const auto told = site.posts()[0].id == post ? site.posts()[1] : site.posts()[0];
  BOOST_TEST(told.subject == "Nicht zugestellt: eine Nachricht an dev@lists.example");
  const std::string text = site.rendering(told.id);
  BOOST_TEST(text.find("ein Server hat sie angenommen") != std::string::npos, text);
  BOOST_TEST(text.find("Weitere Berichte dieser Art") != std::string::npos, text);
  BOOST_TEST(is_ascii(text));  // umlauts in quoted-printable
}

BOOST_AUTO_TEST_CASE(a_report_on_a_common_copy_finds_the_member_by_address) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}, {"envelope", "common"}}, {"a@one.example"});
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const std::string to = site.posts().front().envelope_sender;
  BOOST_TEST(site.send("", {to}, dsn("A@one.example", "failed", "5.2.2")).positive());
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
  BOOST_TEST(site.send("", {to}, dsn("stranger@one.example", "failed", "5.2.2")).positive());
}

// Everybody who has a copy can write one about everybody; who has a mailbox in the member's domain has it signed, too.
BOOST_AUTO_TEST_CASE(a_report_on_a_common_copy_is_proven_if_the_mail_system_of_the_member_stands_behind_it) {
  const std::string mailer = "Mail System <MAILER-DAEMON@mx.one.example>";
  const struct {
    const char* domain;  // of the report, "": nothing was verified
    bool verified, proven;
    std::string from = {}, sender = {};
  } rows[] = {{"", false, false, mailer},
              {"mx.one.example", true, true, mailer},
              {"one.example", true, true, mailer},
              {"two.example", true, false, mailer},
              {"one.example", false, false, mailer},
              {"none.example", true, false, mailer},
              {"example", true, true, mailer},
              {"one.example", true, true, "postmaster@one.example (Mail Delivery System)"},
              {"one.example", true, false, mailer, "x@one.example"},
              {"one.example", true, false, "x@one.example", "x@one.example"},
              // Signed for its author, and sent again by other ways.
              {"one.example", true, false, "x@one.example"},
              {"one.example", true, false, "MAILER-DAEMON <x@one.example>"},
              {"one.example", true, false, "MAILER-DAEMON@one.example, x@one.example"}};
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.domain << (row.verified ? ", verified, " : ", ") << row.from << row.sender) {
      TestSite site;
      site.make_list("dev", {{"post", "anyone"}, {"envelope", "common"}}, {"a@one.example"});
      site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
      const std::string to = site.posts().front().envelope_sender;
      if (*row.domain != '\0') {
        mailauth::Authentication found;
        found.dmarc.domain = row.domain;
        if (row.verified) found.dmarc.aligned_by = std::string("dkim ") + row.domain;
        site.authentication = std::make_shared<const mailauth::Authentication>(std::move(found));
      }
      const auto unproven = [] {
        return counter_sums()[static_cast<std::size_t>(Counter::kReportsUnproven)];
      };
      const auto before = unproven();
      const std::string report = dsn("a@one.example", "failed", "5.2.2", "smtp; 550 no such user", row.from);
      BOOST_TEST(site.send(row.sender, {to}, report).positive());
      BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
      BOOST_TEST(site.member("dev", "a@one.example")->last_bounce ==
                 std::string(row.proven ? "" : "not proven: ") + "5.2.2 550 no such user");
      BOOST_TEST(unproven() == before + (row.proven ? 0U : 1U));
    }
  }
}

BOOST_AUTO_TEST_CASE(failures_of_owners_mail_go_to_the_postmaster_and_never_round) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {}, {}, {"owner@o.example"});
  site.send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example"));
  const Id forward = site.last_id;
  const Id owner = site.member("dev", "owner@o.example", storage::Role::kOwner)->id;
  BOOST_TEST(
      site.send("", {verp(site, forward, owner)}, dsn("owner@o.example", "failed", "5.1.1")).positive());
  auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 2);
  const auto notice = posts[0].kind == storage::PostKind::kNotice ? posts[0] : posts[1];
  BOOST_TEST((notice.kind == storage::PostKind::kNotice));
  BOOST_TEST(notice.envelope_sender == "");
  BOOST_TEST(site.recipients(notice.id).front() == "postmaster@example.org");
  BOOST_TEST(log.has({"owner-mail-failed", "owner@o.example"}));
  // Once a day about the same owner, and nothing about the notice itself.
  site.send("", {verp(site, forward, owner)}, dsn("owner@o.example", "failed", "5.1.1"));
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        const auto recorded = lists::record_failures(
            site.services, c, {{&notice, 0, test::address("postmaster@example.org"), "550 no", "mx"}});
        TestSite::require(recorded);
        BOOST_TEST(recorded->notices == 0);
        return {};
      }));
  BOOST_TEST(log.has({"notice-failed", "postmaster@example.org"}));
  BOOST_TEST(site.posts().size() == 2);
}

// Spam to a list's owners, for instance, that the server of one of them finds out late.
BOOST_AUTO_TEST_CASE(a_late_report_that_blames_mail_to_owners_is_told_and_counts_against_nobody) {
  TestSite site;
  site.make_list("dev", {}, {}, {"owner@o.example"});
  site.send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example"));
  const Id forward = site.last_id;
  const auto owner = [&site] { return site.member("dev", "owner@o.example", storage::Role::kOwner); };
  for (int i = 0; i < 2; ++i)
    BOOST_TEST(site.send("", {verp(site, forward, owner()->id)}, dsn("owner@o.example", "failed", "5.7.1"))
                   .positive());
  BOOST_TEST(owner()->bounces == 0);
  BOOST_TEST(site.posts().size() == 2U);
  site.send("", {verp(site, forward, owner()->id)}, dsn("owner@o.example", "failed", "5.1.1"));
  BOOST_TEST(owner()->bounces == 1);
}

// The address that it comes to says whom it is about; who writes such words with a sender is somebody who quotes them.
BOOST_AUTO_TEST_CASE(reports_in_older_forms_count_if_they_come_from_nobody) {
  const std::string qmail = crlf(
      "From: MAILER-DAEMON@one.example\nSubject: failure notice\n\nHi. This is the qmail-send program at "
      "one.example.\n\n<a@one.example>:\nNo mailbox here by that name. (#5.1.1)\n\n--- Below this line\n");
  const std::string exim = crlf(
      "From: Mail Delivery System <x@one.example>\nSubject: failed\nAuto-Submitted: auto-replied\n"
      "X-Failed-Recipients: a@one.example\n\nDein Brief kam nicht an.\n");
  for (const auto& [report, reason] : {std::pair(qmail, "5.1.1 No mailbox here by that name. (#5.1.1)"),
                                       {exim, "Dein Brief kam nicht an."}}) {
    TestSite site;
    site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
    site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
    const std::string to = verp(site, site.last_id, site.member("dev", "a@one.example")->id);
    BOOST_TEST(site.send("b@one.example", {to}, report).positive());
    BOOST_TEST(site.member("dev", "a@one.example")->bounces == 0);
    BOOST_TEST(site.send("", {to}, report).positive());
    BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
    BOOST_TEST(site.member("dev", "a@one.example")->last_bounce == reason);
  }
}

BOOST_AUTO_TEST_CASE(what_comes_back_to_mail_for_an_owner_and_cannot_be_read_is_told_to_the_postmaster) {
  const struct {
    const char* sender;
    const char* header;
    bool told;
  } rows[] = {
      {"", "Subject: Rapport", true},
      {"", "Auto-Submitted: auto-generated", true},
      {"", "Auto-Submitted: auto-replied", false},
      {"", "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All", false},
      {"", "Content-Type: multipart/report; report-type=disposition-notification; boundary=b", false},
      {"x@y.example", "Subject: Rapport", false},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.sender << " " << row.header) {
      TestSite site;
      site.make_list("dev", {}, {}, {"owner@o.example"});
      site.send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example"));
      const Id forward = site.last_id;
      const auto owner = [&site] { return site.member("dev", "owner@o.example", storage::Role::kOwner); };
      const std::string report = crlf(std::string("From: x@o.example\n") + row.header + "\n\nBoîte pleine\n");
      for (int i = 0; i < 2; ++i)
        BOOST_TEST(site.send(row.sender, {verp(site, forward, owner()->id)}, report).positive());
      auto posts = site.posts();
      BOOST_REQUIRE(posts.size() == (row.told ? 2U : 1U));
      BOOST_TEST(owner()->bounces == 0);
      if (!row.told) continue;
      const auto notice = posts[0].id == forward ? posts[1] : posts[0];
      BOOST_TEST(site.recipients(notice.id).front() == "postmaster@example.org");
      BOOST_TEST(notice.subject == "Perhaps undeliverable: mail for the owners of dev@lists.example");
    }
  }
}

BOOST_AUTO_TEST_CASE(failures_at_delivery_are_recorded_without_any_report) {
  TestSite site;
  test::LogLines log;
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"}, {"owner@o.example"});
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  const auto post = site.posts().front();
  site.send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example"));
  std::optional<storage::PostRecord> forward;
  site.read([&](storage::Connection& c) { forward = *storage::PostStore(c).find(site.last_id); });
  const Id a = site.member("dev", "a@one.example")->id;
  const Id owner = site.member("dev", "owner@o.example", storage::Role::kOwner)->id;
  lists::RecordedFailures counted;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        const auto recorded = lists::record_failures(
            site.services, c,
            {{&post, a, test::address("a@one.example"), "550 5.1.1 no such user", "mx.one.example"},
             {&post, 999, test::address("gone@one.example"), "550 5.1.1 no such user", "mx.one.example"},
             {&*forward, owner, test::address("owner@o.example"), "550 5.7.1 no", "mx.o.example"}});
        TestSite::require(recorded);
        counted = *recorded;
        return {};
      }));
  BOOST_TEST(counted.notices == 1);
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
  BOOST_TEST(site.member("dev", "a@one.example")->last_bounce == "550 5.1.1 no such user");
}

// A member that is a list, and had the post before.
BOOST_AUTO_TEST_CASE(the_end_of_a_ring_of_lists_is_no_bounce) {
  TestSite site;
  site.make_list("all", {{"post", "anyone"}}, {"dev@lists.example"}, {"owner@o.example"});
  site.send("x@y.example", {"all@lists.example"}, a_post("x@y.example"));
  const auto post = site.posts().front();
  const Id dev = site.member("all", "dev@lists.example")->id;
  const auto record = [&](const std::string& reply) {
    int members = -1;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          const auto recorded = lists::record_failures(
              site.services, c, {{&post, dev, test::address("dev@lists.example"), reply, "mx[127.0.0.1]"}});
          TestSite::require(recorded);
          BOOST_TEST(!recorded->reports);
          members = recorded->members;
          return {};
        }));
    return members;
  };
  const std::string was_there = site.send("b@lists.example", {"all@lists.example"},
                                          "X-Loop: all@lists.example\r\n" + a_post("x@y.example"))
                                    .to_string();
  BOOST_TEST(was_there.starts_with("554 5.4.6 "), was_there);
  BOOST_TEST(record(was_there) == 0);
  BOOST_TEST(site.member("all", "dev@lists.example")->bounces == 0);
  BOOST_TEST(record("554 5.4.6 this server is the host of lists.example by its MX, and does not know it") ==
             1);
}

BOOST_AUTO_TEST_SUITE_END()
