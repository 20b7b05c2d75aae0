// Who is told what about mail that was not delivered, or was; each report exactly once.
#include "core/mail/dsn.h"
#include "lists/reports.h"
#include "storage/expansion.h"
#include "storage/report_store.h"
#include "storage/retention.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::TestSite;
using storage::RecipientState;

namespace {

smtp::DsnRcptParameters notify(const std::string& words) {
  smtp::DsnRcptParameters out;
  BOOST_REQUIRE(!smtp::read_notify(words, &out));
  return out;
}

// As delivery does it: the outcome goes into the ledger, and failures are told in the same transaction.
struct Delivery {
  TestSite& site;

  void outcome(Id post_id, RecipientState state, const std::string& reply,
               const std::string& host = "mx.one.example") {
    TestSite::require(
        site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
          auto post = storage::PostStore(c).find(post_id);
          TestSite::require(post);
          auto batch = storage::BatchStore(c).load(post_id, 0, true);
          TestSite::require(batch);
          storage::BatchRecord record = **batch;
          record.progress = {};
          record.progress.recipients.resize(record.recipients.size());
          record.progress.replies.push_back(reply);
          record.progress.hosts.push_back(host);
          record.delivered = record.failed = record.pending = 0;
          std::vector<lists::DeliveryFailure> failures;
          for (std::size_t i = 0; i < record.recipients.size(); ++i) {
            const storage::BatchRecipient& r = record.recipients[i];
            // The one called "fine" always gets it.
            const RecipientState his = r.local == "fine" ? RecipientState::kDelivered : state;
            auto& status = record.progress.recipients[i];
            status.state = his;
            status.attempts = status.reply = status.host = 1;
            if (his == RecipientState::kDelivered) ++record.delivered;
            if (his == RecipientState::kDeferred) ++record.pending;
            if (his == RecipientState::kFailed) {
              ++record.failed;
              const auto marked = storage::split_host(host);
              failures.push_back({&**post,
                                  r.member_id,
                                  {r.local, r.domain},
                                  reply,
                                  std::string(marked.host),
                                  marked.about_message});
            }
          }
          record.queue = record.pending > 0 ? storage::BatchQueue::kReady : storage::BatchQueue::kFinished;
          TestSite::require(storage::BatchStore(c).save_unowned(record));
          if (!failures.empty()) {
            const auto recorded = lists::record_failures(site.services, c, failures);
            TestSite::require(recorded);
            told = told || recorded->reports;
          }
          return {};
        }));
  }
  bool told = false;
};

void report(TestSite& site) {
  TestSite::require(lists::make_reports(site.services));
}

std::vector<storage::PostRecord> notices(TestSite& site) {
  std::vector<storage::PostRecord> out;
  for (const auto& post : site.posts())
    if (post.kind == storage::PostKind::kNotice) out.push_back(post);
  return out;
}

// The reports that went to somebody.
std::vector<storage::PostRecord> reports_to(TestSite& site, const std::string& who) {
  std::vector<storage::PostRecord> out;
  for (const auto& post : notices(site))
    if (site.recipients(post.id) == std::vector<std::string>{who}) out.push_back(post);
  return out;
}

mail::Dsn dsn_of(TestSite& site, const storage::PostRecord& post) {
  const auto dsn = mail::parse_dsn(site.rendering(post.id));
  BOOST_REQUIRE(dsn.has_value());
  return *dsn;
}

struct Owned : TestSite {
  Owned() {
    make_list("dev", {{"post", "anyone"}}, {"a@one.example", "b@two.example"}, {"boss@private.example"});
  }
  Id write_to_owner(const Asked& asked = {}, const std::string& from = "x@y.example") {
    const std::string message_id = "<" + std::to_string(++letters) + "@author.example>";
    BOOST_REQUIRE(
        send(from, {"dev-owner@lists.example"}, a_post("x@y.example", message_id), asked).positive());
    return last_id;
  }
  int letters = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(list_reports)

BOOST_AUTO_TEST_CASE(a_sender_learns_once_that_nobody_behind_the_address_got_it) {
  Owned site;
  Delivery delivery{site};
  TestSite::Asked asked;
  asked.mail.envelope_id = "q+1";
  asked.rcpt.original_recipient_type = "rfc822";
  asked.rcpt.original_recipient_address = "list@old.example";
  const Id id = site.write_to_owner(asked);
  report(site);
  BOOST_TEST(reports_to(site, "x@y.example").empty());
  delivery.outcome(id, RecipientState::kFailed, "550 5.1.1 boss@private.example: no such user");
  BOOST_TEST(delivery.told);
  const int bells = site.bells;
  report(site);
  report(site);
  const auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  BOOST_TEST(site.bells == bells + 1);
  BOOST_TEST(sent[0].envelope_sender == "");
  BOOST_TEST(sent[0].sender == "");
  const mail::Dsn dsn = dsn_of(site, sent[0]);
  BOOST_TEST(dsn.original_message_id == "<1@author.example>");
  BOOST_REQUIRE(dsn.recipients.size() == 1);
  BOOST_TEST(dsn.recipients[0].final_recipient == "dev-owner@lists.example");
  BOOST_TEST(dsn.recipients[0].original_recipient == "list@old.example");
  BOOST_TEST((dsn.recipients[0].action == mail::DsnAction::kFailed));
  BOOST_TEST(dsn.recipients[0].status == "5.1.1");
  // Who stands behind the address is nobody's business, and servers name them (RFC 3461 §5.2.7.4).
  const std::string text = site.rendering(sent[0].id);
  BOOST_TEST(text.find("\r\nOriginal-Envelope-Id: q+1\r\n") != std::string::npos);
  BOOST_TEST(text.find("private.example") == std::string::npos);
  BOOST_TEST(text.find("Hello all") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_whole_message_returns_when_it_is_asked_for) {
  Owned site;
  Delivery delivery{site};
  TestSite::Asked asked;
  asked.mail.ret = smtp::DsnReturn::kFull;
  delivery.outcome(site.write_to_owner(asked), RecipientState::kFailed, "550 5.7.1 no");
  report(site);
  const auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  BOOST_TEST(site.rendering(sent[0].id).find("Hello all") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_notify_says_decides) {
  struct Row {
    const char* notify;
    RecipientState state;
    std::string actions;
  };
  const Row rows[] = {
      {"", RecipientState::kFailed, "failed"},
      {"NEVER", RecipientState::kFailed, ""},
      {"SUCCESS", RecipientState::kFailed, ""},
      {"DELAY", RecipientState::kFailed, ""},
      {"FAILURE,DELAY", RecipientState::kFailed, "failed"},
      {"", RecipientState::kDelivered, ""},
      {"FAILURE", RecipientState::kDelivered, ""},
      {"SUCCESS", RecipientState::kDelivered, "relayed"},
      {"SUCCESS,FAILURE", RecipientState::kDelivered, "relayed"},
      {"", RecipientState::kDeferred, "delayed"},
      {"DELAY", RecipientState::kDeferred, "delayed"},
      {"FAILURE", RecipientState::kDeferred, ""},
      {"NEVER", RecipientState::kDeferred, ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.notify << " " << static_cast<int>(row.state)) {
      Owned site;
      Delivery delivery{site};
      TestSite::Asked asked;
      if (*row.notify != '\0') asked.rcpt = notify(row.notify);
      const Id id = site.write_to_owner(asked);
      delivery.outcome(id, row.state, "450 4.2.0 whatever");
      report(site);
      site.clock.advance(std::chrono::hours(5));
      report(site);
      site.clock.advance(std::chrono::hours(5));
      report(site);
      std::string actions;
      for (const auto& one : reports_to(site, "x@y.example"))
        actions += mail::to_string(dsn_of(site, one).recipients[0].action);
      BOOST_TEST(actions == row.actions);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_look_just_before_the_delivery_does_not_put_its_report_off) {
  Owned site;
  Delivery delivery{site};
  TestSite::Asked asked;
  asked.rcpt = notify("SUCCESS");
  const Id id = site.write_to_owner(asked);
  report(site);
  delivery.outcome(id, RecipientState::kDelivered, "250 2.0.0 ok");
  site.clock.advance(std::chrono::seconds(2));
  report(site);
  BOOST_TEST(reports_to(site, "x@y.example").size() == 1);
}

BOOST_AUTO_TEST_CASE(who_is_told_depends_on_whether_the_domain_of_the_sender_vouches_for_it) {
  using mailauth::DkimStatus;
  using mailauth::DmarcStatus;
  using mailauth::SpfStatus;
  struct Row {
    const char* what;
    SpfStatus spf;
    const char* signed_by;  // a signature that passes; "" for none
    const char* author;     // the domain of the author
    DmarcStatus dmarc;
    std::string failed, delivered, delayed;  // of mail with NOTIFY=SUCCESS,FAILURE,DELAY from x@y.example
  };
  const std::string all = "failed", some = "relayed", late = "delayed";
  const Row rows[] = {
      {"SPF passes", SpfStatus::kPass, "", "z.example", DmarcStatus::kFail, all, some, late},
      {"its domain signs", SpfStatus::kFail, "y.example", "z.example", DmarcStatus::kNone, all, some, late},
      {"one above signs", SpfStatus::kNone, "example", "z.example", DmarcStatus::kNone, all, some, late},
      {"DMARC passes", SpfStatus::kFail, "m.y.example", "y.example", DmarcStatus::kPass, all, some, late},
      {"another's DMARC", SpfStatus::kFail, "z.example", "z.example", DmarcStatus::kPass, "", "", ""},
      {"no SPF", SpfStatus::kNone, "", "z.example", DmarcStatus::kNone, all, "", ""},
      {"no SPF, other signer", SpfStatus::kNone, "oy.example", "z.example", DmarcStatus::kNone, all, "", ""},
      {"no SPF, other author", SpfStatus::kNone, "", "z.example", DmarcStatus::kFail, all, "", ""},
      {"SPF is neutral", SpfStatus::kNeutral, "", "z.example", DmarcStatus::kNone, all, "", ""},
      {"no answer", SpfStatus::kTempError, "", "z.example", DmarcStatus::kNone, all, "", ""},
      {"SPF fails", SpfStatus::kFail, "", "z.example", DmarcStatus::kNone, "", "", ""},
      {"SPF fails softly", SpfStatus::kSoftFail, "", "z.example", DmarcStatus::kNone, "", "", ""},
      {"DMARC fails", SpfStatus::kNone, "", "y.example", DmarcStatus::kFail, "", "", ""},
  };
  for (const Row& row : rows) {
    mailauth::Authentication found;
    found.spf.status = row.spf;
    found.spf.domain = "y.example";
    if (*row.signed_by != '\0') {
      found.dkim.emplace_back();
      found.dkim[0].status = DkimStatus::kPass;
      found.dkim[0].signature.domain = row.signed_by;
    }
    found.dmarc.status = row.dmarc;
    found.dmarc.domain = row.author;
    if (row.dmarc == DmarcStatus::kPass) found.dmarc.aligned_by = std::string("dkim ") + row.signed_by;
    if (row.dmarc == DmarcStatus::kFail) found.dmarc.policy = mailauth::DmarcPolicy::kReject;
    const std::pair<RecipientState, std::string> outcomes[] = {{RecipientState::kFailed, row.failed},
                                                               {RecipientState::kDelivered, row.delivered},
                                                               {RecipientState::kDeferred, row.delayed}};
    for (const auto& [state, actions] : outcomes) {
      BOOST_TEST_CONTEXT(row.what << " " << static_cast<int>(state)) {
        Owned site;
        Delivery delivery{site};
        site.authentication = std::make_shared<const mailauth::Authentication>(found);
        TestSite::Asked asked;
        asked.mail.ret = smtp::DsnReturn::kFull;
        asked.rcpt = notify("SUCCESS,FAILURE,DELAY");
        delivery.outcome(site.write_to_owner(asked), state, "550 5.7.1 spam");
        site.clock.advance(std::chrono::hours(5));
        report(site);
        std::string made;
        for (const auto& one : reports_to(site, "x@y.example")) {
          made += mail::to_string(dsn_of(site, one).recipients[0].action);
          const bool whole = site.rendering(one.id).find("Hello all") != std::string::npos;
          BOOST_TEST(whole == (state == RecipientState::kFailed && !row.delivered.empty()));
        }
        BOOST_TEST(made == actions);
      }
    }
    // The report that a list makes itself.
    BOOST_TEST_CONTEXT(row.what) {
      Owned site;
      site.authentication = std::make_shared<const mailauth::Authentication>(found);
      TestSite::Asked asked;
      asked.rcpt = notify("SUCCESS");
      BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"), asked).positive());
      BOOST_TEST(reports_to(site, "x@y.example").size() == (row.delivered.empty() ? 0U : 1U));
    }
  }
}

BOOST_AUTO_TEST_CASE(one_of_several_owners_is_enough) {
  Owned site;
  Delivery delivery{site};
  site.join("dev", {"fine@people.example"}, storage::Role::kOwner);
  TestSite::Asked asked;
  asked.rcpt = notify("SUCCESS,FAILURE");
  delivery.outcome(site.write_to_owner(asked), RecipientState::kFailed, "550 5.1.1 no");
  report(site);
  const auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  BOOST_TEST((dsn_of(site, sent[0]).recipients[0].action == mail::DsnAction::kExpanded));
}

BOOST_AUTO_TEST_CASE(a_delay_is_told_once_and_the_failure_behind_it_too) {
  Owned site;
  Delivery delivery{site};
  const Id id = site.write_to_owner();
  delivery.outcome(id, RecipientState::kDeferred, "451 4.7.1 later");
  for (int hour = 0; hour < 3; ++hour) {
    report(site);
    site.clock.advance(std::chrono::hours(1));
  }
  BOOST_TEST(reports_to(site, "x@y.example").empty());
  for (int hour = 0; hour < 5; ++hour) {
    site.clock.advance(std::chrono::hours(1));
    report(site);
  }
  auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  BOOST_TEST((dsn_of(site, sent[0]).recipients[0].action == mail::DsnAction::kDelayed));
  BOOST_TEST(site.rendering(sent[0].id).find("Will-Retry-Until:") != std::string::npos);
  delivery.outcome(id, RecipientState::kFailed, "554 4.4.7 delivery time expired; last: 451 4.7.1 later");
  report(site);
  sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 2);
}

BOOST_AUTO_TEST_CASE(delay_notices_can_be_switched_off) {
  Owned site;
  Delivery delivery{site};
  site.services.reporting.delay = {};
  delivery.outcome(site.write_to_owner(), RecipientState::kDeferred, "451 4.7.1 later");
  site.clock.advance(std::chrono::hours(24));
  report(site);
  BOOST_TEST(reports_to(site, "x@y.example").empty());
}

BOOST_AUTO_TEST_CASE(nobody_is_told_by_the_null_sender_and_no_report_has_a_report) {
  Owned site;
  Delivery delivery{site};
  delivery.outcome(site.write_to_owner({}, ""), RecipientState::kFailed, "550 5.1.1 no");
  BOOST_TEST(!delivery.told);
  report(site);
  BOOST_TEST(notices(site).size() == 1);  // the postmaster's about the owner
  delivery.outcome(site.write_to_owner(), RecipientState::kFailed, "550 5.1.1 no");
  report(site);
  const auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  delivery.told = false;
  delivery.outcome(sent[0].id, RecipientState::kFailed, "550 5.1.1 no");
  BOOST_TEST(!delivery.told);
  report(site);
  BOOST_TEST(notices(site).size() == 2);
  // Unless the postmaster wants to know, once.
  site.services.reporting.notices_to_postmaster = true;
  delivery.outcome(sent[0].id, RecipientState::kFailed, "550 5.1.1 no");
  delivery.outcome(sent[0].id, RecipientState::kFailed, "550 5.1.1 no");
  BOOST_TEST(notices(site).size() == 3);
  const auto told = reports_to(site, "postmaster@example.org");
  BOOST_REQUIRE(told.size() == 2);
  delivery.outcome(told[0].id, RecipientState::kFailed, "550 5.1.1 no");
  delivery.outcome(told[1].id, RecipientState::kFailed, "550 5.1.1 no");
  BOOST_TEST(notices(site).size() == 3);
}

BOOST_AUTO_TEST_CASE(a_list_answers_success_itself_in_the_transaction_that_takes_the_post) {
  Owned site;
  TestSite::Asked asked;
  asked.rcpt = notify("SUCCESS");
  asked.mail.ret = smtp::DsnReturn::kFull;
  const std::string post = a_post("x@y.example");
  BOOST_REQUIRE(site.send("x@y.example", {"DEV@lists.example"}, post, asked).positive());
  const Id id = site.last_id;
  BOOST_REQUIRE(site.send("x@y.example", {"DEV@lists.example"}, post, asked).positive());  // again
  report(site);
  const auto sent = reports_to(site, "x@y.example");
  BOOST_REQUIRE(sent.size() == 1);
  const mail::Dsn dsn = dsn_of(site, sent[0]);
  BOOST_TEST((dsn.recipients[0].action == mail::DsnAction::kDelivered));
  BOOST_TEST(dsn.recipients[0].final_recipient == "DEV@lists.example");
  BOOST_TEST(site.rendering(sent[0].id).find("Hello all") == std::string::npos);  // RFC 3461 §4.3
  for (const auto& one : site.posts()) {
    if (one.id != id) continue;
    BOOST_TEST(one.reports == static_cast<int>(storage::Report::kDelivered));
    BOOST_TEST(one.dsn.notify == "SUCCESS");
    BOOST_TEST(one.target == "DEV@lists.example");
  }
  // Also where nothing is kept but the answer; and not to the null sender.
  BOOST_REQUIRE(
      site.send("a@one.example", {"dev-unsubscribe@lists.example"}, a_post("a@one.example", "<2@x>"), asked)
          .positive());
  BOOST_TEST(reports_to(site, "a@one.example").size() == 2);  // the question, and the report
  const auto before = site.posts().size();
  site.send("", {"dev-owner@lists.example"}, a_post("x@y.example", "<3@x>"), asked);
  report(site);
  BOOST_TEST(site.posts().size() == before + 1);
}

BOOST_AUTO_TEST_CASE(owners_learn_of_posts_that_failed_for_what_they_are_and_authors_do_not) {
  Owned site;
  Delivery delivery{site};
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example")).positive());
  delivery.outcome(site.last_id, RecipientState::kFailed, "552 5.3.4 too big",
                   "mx.one.example[192.0.2.7]:25" + std::string(storage::kAboutMessage));
  BOOST_TEST(delivery.told);
  report(site);
  report(site);
  BOOST_TEST(reports_to(site, "x@y.example").empty());
  const auto sent = reports_to(site, "boss@private.example");
  BOOST_REQUIRE(sent.size() == 1);
  const mail::Dsn dsn = dsn_of(site, sent[0]);
  BOOST_REQUIRE(dsn.recipients.size() == 2);
  BOOST_TEST(dsn.recipients[0].final_recipient == "a@one.example");
  BOOST_TEST(dsn.recipients[0].status == "5.3.4");
  BOOST_TEST(dsn.recipients[0].remote_mta == "mx.one.example");
  BOOST_TEST(dsn.original_message_id == "<1@author.example>");
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 0);
}

BOOST_AUTO_TEST_CASE(a_member_who_is_gone_is_no_news_for_owners) {
  Owned site;
  Delivery delivery{site};
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example")).positive());
  delivery.outcome(site.last_id, RecipientState::kFailed, "550 5.1.1 no such user");
  BOOST_TEST(!delivery.told);
  report(site);
  BOOST_TEST(notices(site).empty());
  BOOST_TEST(site.member("dev", "a@one.example")->bounces == 1);
}

BOOST_AUTO_TEST_CASE(an_expired_post_is_reported_when_all_of_it_is_done) {
  for (const bool wanted : {true, false}) {
    Owned site;
    Delivery delivery{site};
    if (!wanted) TestSite::require(site.admin.set_list("dev@lists.example", {{"report_failures", "false"}}));
    BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example")).positive());
    delivery.outcome(site.last_id, RecipientState::kFailed,
                     "554 4.4.7 delivery time expired; last: 451 later");
    report(site);
    BOOST_TEST(reports_to(site, "boss@private.example").size() == (wanted ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(a_list_without_owners_is_the_postmasters) {
  TestSite site;
  Delivery delivery{site};
  site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example")).positive());
  delivery.outcome(site.last_id, RecipientState::kFailed, "554 5.6.0 no",
                   "mx" + std::string(storage::kAboutMessage));
  report(site);
  BOOST_TEST(reports_to(site, "postmaster@example.org").size() == 1);
}

BOOST_AUTO_TEST_CASE(the_message_is_kept_until_its_report_is_made) {
  Owned site;
  Delivery delivery{site};
  const Id id = site.write_to_owner();
  delivery.outcome(id, RecipientState::kFailed, "550 5.1.1 no");
  storage::Job retention = storage::make_retention_job(site.clock, {.keep_failed = {}});
  TestSite::require(retention.run(*site.database));
  BOOST_TEST(site.rendering(id).find("Hello all") != std::string::npos);
  report(site);
  TestSite::require(retention.run(*site.database));
  site.read([&](storage::Connection& c) {
    BOOST_TEST((storage::PostStore(c).rendering(id).error().code == ErrorCode::kNotFound));
  });
}

// As many as wait in an outage, and one to report about among them.
struct ManyLetters : Owned {
  explicit ManyLetters(int number) {
    failed = write_to_owner();
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      auto letter = storage::PostStore(c).find(failed);
      require(letter);
      for (int i = 1; i < number; ++i) {
        storage::PostRecord one = **letter;
        one.id = ids.next();
        one.expanded = false;
        one.batches = 0;
        one.recipients = 0;
        ESSAIM_TRY(
            storage::add_expanded(c, &one, "Subject: x\r\n\r\n", "", i, {{0, "boss", "private.example"}}));
        ESSAIM_TRY(lists::expect_reports(c, one, services.reporting.delay));
      }
      return {};
    }));
    Delivery{*this}.outcome(failed, RecipientState::kFailed, "550 5.1.1 no");
    clock.advance(std::chrono::minutes(1));
  }
  std::size_t due() {
    std::size_t out = 0;
    read([&](storage::Connection& c) {
      auto found = storage::ReportStore(c).due(clock.wall_now(), 1000);
      require(found);
      out = found->size();
    });
    return out;
  }
  Id failed = 0;
};

BOOST_AUTO_TEST_CASE(what_only_waits_is_put_off_together_and_by_no_durable_commit) {
  ManyLetters site(250);
  BOOST_TEST(site.due() == 250U);
  const auto before = site.database->counters();
  report(site);
  const auto after = site.database->counters();
  BOOST_TEST(after.durable_commits - before.durable_commits == 1U);  // of the report
  BOOST_TEST(after.commits - before.commits <= 4U);
  BOOST_TEST(reports_to(site, "x@y.example").size() == 1);
  BOOST_TEST(site.due() == 0U);
  site.clock.advance(std::chrono::hours(1));
  BOOST_TEST(site.due() == 249U);
}

BOOST_AUTO_TEST_CASE(a_post_that_cannot_be_looked_at_keeps_no_other_from_its_turn) {
  ManyLetters site(3);
  site.make_list("broken", {{"post", "anyone"}}, {"a@one.example"});
  BOOST_REQUIRE(
      site.send("x@y.example", {"broken@lists.example"}, a_post("x@y.example", "<broken@y>")).positive());
  Delivery{site}.outcome(site.last_id, RecipientState::kFailed, "554 5.6.0 no",
                         "mx" + std::string(storage::kAboutMessage));
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute("UPDATE list SET settings = 'nonsense' WHERE local = 'broken'");
  }));
  BOOST_TEST(site.due() == 4U);
  test::LogLines log;
  BOOST_TEST(!lists::make_reports(site.services).ok());
  BOOST_TEST(log.has({"not-reported", format_id(site.last_id)}));
  BOOST_TEST(reports_to(site, "x@y.example").size() == 1);
  BOOST_TEST(site.due() == 1U);
}

BOOST_AUTO_TEST_CASE(whatever_statement_fails_each_report_is_made_once) {
  for (int k = 1; k < 100; ++k) {
    BOOST_TEST_CONTEXT("statement " << k) {
      Owned site;
      Delivery delivery{site};
      delivery.outcome(site.write_to_owner(), RecipientState::kFailed, "550 5.1.1 no");
      storage::FaultPlan::arm({.first = static_cast<std::uint64_t>(k)});
      static_cast<void>(lists::make_reports(site.services).ok());
      storage::FaultPlan::disarm();
      const auto met = storage::FaultPlan::seen(storage::FaultPlan::Where::kStatement);
      report(site);
      BOOST_TEST(reports_to(site, "x@y.example").size() == 1);
      if (met < static_cast<std::uint64_t>(k)) return;  // it has fewer statements
    }
  }
  BOOST_TEST(false, "there are more statements than the test tries");
}

BOOST_AUTO_TEST_CASE(a_commit_of_unknown_outcome_makes_no_second_report) {
  using Where = storage::FaultPlan::Where;
  for (const Where where : {Where::kBeforeCommit, Where::kAfterCommit}) {
    Owned site;
    Delivery delivery{site};
    delivery.outcome(site.write_to_owner(), RecipientState::kFailed, "550 5.1.1 no");
    storage::FaultPlan::arm({.where = where});
    BOOST_TEST(!lists::make_reports(site.services).ok());
    storage::FaultPlan::disarm();
    report(site);
    BOOST_TEST(reports_to(site, "x@y.example").size() == 1);
  }
}

BOOST_AUTO_TEST_SUITE_END()
