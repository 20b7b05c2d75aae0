// What a post asks of the hosts that take it, through a whole engine: chunks, 7-bit forms, SMTPUTF8, DSN; and what the
// ledger and the listener learn of it.
#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "delivery/recovery.h"
#include "storage/journal.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using storage::CopyMode;

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

HostPolicy offering(std::vector<std::string> keywords) {
  HostPolicy policy;
  policy.keywords = std::move(keywords);
  return policy;
}

// The host that the ledger has for a recipient of batch 0.
std::string kept_host(Site& site, Id post, std::size_t index) {
  const auto batch = site.batches(post).at(0);
  return batch.progress.hosts.at(batch.progress.recipients.at(index).host);
}

bool any(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(chunks_where_they_are_offered_and_the_same_message_everywhere) {
  TestSink sink;
  sink.set(address_of(0), offering({"PIPELINING", "8BITMIME", "CHUNKING"}));
  Site site;
  site.add_members(20, 2);
  auto settings = settings_for(site, sink);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  {
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  }
  BOOST_TEST(site.counts(post).delivered == 20);
  BOOST_TEST(any(sink.commands(address_of(0)), "BDAT "));
  BOOST_TEST(!any(sink.commands(address_of(0)), "DATA"));
  BOOST_TEST(any(sink.commands(address_of(1)), "DATA"));
  for (const auto& [to, body] : sink.bodies()) {
    const bool chunk = to.ends_with("@d0.test");
    BOOST_TEST(body.find(chunk ? "\r\n.a line with a dot\r\nHello\r\n" : "\n..a line with a dot\nHello\n") !=
               std::string::npos);
    BOOST_TEST(body.starts_with("List-Unsubscribe: "));
  }
  settings.chunking = false;
  const std::size_t before = sink.commands(address_of(0)).size();
  const Id plain = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings);
  BOOST_REQUIRE(wait_until([&] { return site.finished(plain); }));
  auto commands = sink.commands(address_of(0));
  commands.erase(commands.begin(), commands.begin() + static_cast<std::ptrdiff_t>(before));
  BOOST_TEST(!any(commands, "BDAT "));
}

BOOST_AUTO_TEST_CASE(who_has_no_8bitmime_gets_the_form_in_ascii) {
  TestSink sink;
  sink.set(address_of(0), offering({"PIPELINING"}));
  Site site;
  auto post = site.new_post(CopyMode::kCommon, 1);
  post.eight_bit = true;
  const Id id = site.post_to(post, 0, {{0, "a", "d0.test"}, {0, "b", "d1.test"}},
                             "Subject: x\r\n\r\nB\xc3\xbc"
                             "cher\r\n",
                             "Subject: x\r\n\r\nB=C3=BCcher\r\n");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(id); }));
  BOOST_TEST(sink.bodies()["a@d0.test"] == "Subject: x\n\nB=C3=BCcher\n");
  BOOST_TEST(sink.bodies()["b@d1.test"] ==
             "Subject: x\n\nB\xc3\xbc"
             "cher\n");
  BOOST_TEST(any(sink.commands(address_of(1)), "BODY=8BITMIME"));
  BOOST_TEST(!any(sink.commands(address_of(0)), "BODY="));
}

BOOST_AUTO_TEST_CASE(a_header_that_came_without_smtputf8_goes_on_as_it_came) {
  TestSink sink;
  sink.set(address_of(0), offering({"PIPELINING", "8BITMIME", "SMTPUTF8"}));
  sink.set(address_of(1), offering({"PIPELINING", "8BITMIME"}));
  Site site;
  auto post = site.new_post(CopyMode::kCommon, 1);
  post.eight_bit = true;
  const Id id = site.post_to(post, 0, {{0, "a", "d0.test"}, {0, "b", "d1.test"}},
                             "Subject: B\xc3\xbc"
                             "cher\r\n\r\nx\r\n",
                             "Subject: =?UTF-8?Q?B=C3=BCcher?=\r\n\r\nx\r\n");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(id); }));
  for (const int host : {0, 1}) {
    BOOST_TEST(any(sink.commands(address_of(host)), "BODY=8BITMIME"));
    BOOST_TEST(!any(sink.commands(address_of(host)), "SMTPUTF8"));
  }
  for (const char* to : {"a@d0.test", "b@d1.test"})
    BOOST_TEST(sink.bodies()[to] ==
               "Subject: B\xc3\xbc"
               "cher\n\nx\n");
}

BOOST_AUTO_TEST_CASE(what_needs_smtputf8_fails_where_it_is_not_and_no_member_is_to_blame) {
  TestSink sink;
  sink.set(address_of(1), offering({"PIPELINING", "8BITMIME", "SMTPUTF8"}));
  Site site;
  site.add_members(2, 2);
  auto post = site.new_post(CopyMode::kPersonal, 1);
  post.eight_bit = post.smtputf8 = true;
  const std::string body =
      "Subject: B\xc3\xbc"
      "cher\r\n\r\nx\r\n";
  // Recipients who are members, so that there is a bounce to be counted or not.
  std::vector<storage::BatchRecipient> members;
  must(site.database->read_now([&](storage::Connection& connection) -> Result<void> {
    return storage::MemberStore(connection)
        .for_each(site.list_id, storage::Role::kMember, [&](const storage::MemberRecord& member) {
          members.push_back({member.id, member.local, member.domain});
          return true;
        });
  }));
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.domain < b.domain; });
  const Id id = site.post_to(post, 0, members, body);
  post.id = site.ids.next();
  const Id both = site.post_to(post, 0, members, body, "Subject: =?UTF-8?Q?B=C3=BCcher?=\r\n\r\nx\r\n");
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(id) && site.finished(both); }));
  BOOST_TEST(site.counts(id).delivered == 1);
  BOOST_TEST(site.counts(id).failed == 1);
  BOOST_TEST(site.counts(both).delivered == 2);
  BOOST_TEST(any(sink.commands(address_of(1)), "SMTPUTF8"));
  BOOST_TEST(run.failures.reply("user0@d0.test").starts_with("550 5.6.7"));
  BOOST_TEST(run.failures.about_message("user0@d0.test"));
  BOOST_TEST(site.bounces().empty());
  BOOST_TEST(storage::split_host(kept_host(site, id, 0)).about_message);
  BOOST_TEST(!storage::split_host(kept_host(site, id, 1)).about_message);
}

storage::PostRecord asking(Site& site) {
  auto post = site.new_post(CopyMode::kCommon, 0);
  post.kind = storage::PostKind::kForward;
  post.envelope_sender = post.sender;
  post.dsn = {"HDRS", "QQ314159", "SUCCESS,FAILURE", "rfc822;owner@lists.test"};
  return post;
}

BOOST_AUTO_TEST_CASE(dsn_parameters_go_on_and_the_ledger_tells_whose_duty_reports_are) {
  TestSink sink;
  sink.set(address_of(0), offering({"PIPELINING", "DSN"}));
  Site site;
  const Id id = site.post_to(asking(site), 0, {{0, "a", "d0.test"}, {0, "b", "d1.test"}});
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(id); }));
  BOOST_TEST(any(sink.commands(address_of(0)), " RET=HDRS ENVID=QQ314159"));
  BOOST_TEST(any(sink.commands(address_of(0)),
                 "RCPT TO:<a@d0.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;owner@lists.test"));
  BOOST_TEST(any(sink.commands(address_of(1)), "RCPT TO:<b@d1.test>"));
  BOOST_TEST(!any(sink.commands(address_of(1)), "NOTIFY="));
  const std::string passed = kept_host(site, id, 0), kept = kept_host(site, id, 1);
  BOOST_TEST(storage::split_host(passed).dsn_passed_on);
  BOOST_TEST(storage::split_host(passed).host == "mx.d0.test[127.0.1.1]:" + std::to_string(sink.port()));
  BOOST_TEST(!storage::split_host(kept).dsn_passed_on);
}

BOOST_AUTO_TEST_CASE(dsn_parameters_end_at_a_list_and_where_bounces_come_back_to_us) {
  TestSink sink;
  sink.set(address_of(0), offering({"PIPELINING", "DSN"}));
  Site site;
  auto rewritten = asking(site);
  rewritten.envelope_sender = "bounces@lists.test";
  auto list = asking(site);
  list.id = site.ids.next();
  list.kind = storage::PostKind::kList;
  const Id first = site.post_to(rewritten, 0, {{0, "a", "d0.test"}});
  const Id second = site.post_to(list, 0, {{0, "b", "d0.test"}});
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink));
  BOOST_REQUIRE(wait_until([&] { return site.finished(first) && site.finished(second); }));
  for (const char* part : {"NOTIFY=", "ORCPT=", "RET=", "ENVID="})
    BOOST_TEST(!any(sink.commands(address_of(0)), part));
  BOOST_TEST(!storage::split_host(kept_host(site, first, 0)).dsn_passed_on);
}

std::string journal_of(Site& site) {
  return site.database.directory().path("journal");
}

// What is left of an earlier run: failures of the first recipient for the message and of the second for the address, of
// each post.
void leave_a_journal(Site& site, std::int64_t epoch, const std::vector<Id>& posts) {
  Executor executor("journal", 1);
  storage::JournalWriter::Options options;
  options.directory = journal_of(site);
  options.name = "loop0";
  options.epoch = epoch;
  auto journal = must(storage::JournalWriter::open(options, executor));
  storage::JournalRecord record;
  record.state = storage::RecipientState::kFailed;
  record.attempts = 1;
  record.time = system_clock().wall_now();
  for (const Id post : posts) {
    record.post_id = post;
    for (const std::uint16_t index : {std::uint16_t{0}, std::uint16_t{1}}) {
      record.index = index;
      record.reply = index == 0 ? "552 too big" : "550 5.1.1 no such user";
      record.host = "mx.test[192.0.2.1]:25";
      if (index == 0) record.host += storage::kAboutMessage;
      must(journal->append(record));
    }
  }
}

storage::NodeStore::Identity begin_epoch(Site& site) {
  storage::NodeStore::Identity node;
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    node = must(storage::NodeStore(c).begin_epoch("node.test", system_clock().wall_now()));
    return {};
  }));
  return node;
}

// The first of two recipients failed for the message, the second for the address, and only the journal knows. With or
// without the claim: a power failure takes it if it was not synced yet, and may leave the journal.
void recover_failures(bool claimed_before) {
  Site site;
  site.add_members(2, 1);
  const Id id = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  const storage::NodeStore::Identity node = begin_epoch(site);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
    if (!claimed_before) return {};
    auto claimed = storage::BatchStore(c).claim({node.number, node.epoch}, 0, 9, 4, {});
    if (!claimed.ok()) return claimed.error();
    BOOST_TEST(claimed->size() == 1u);
    return {};
  }));
  KeptFailures failures;
  for (int i = 0; i < 2; ++i) {  // the second time it is known, and told to nobody
    leave_a_journal(site, node.epoch, {id});
    must(delivery::recover(*site.database, journal_of(site), node, failures));
    const auto batch = site.batches(id).at(0);
    const std::string first = batch.recipients[0].local + "@d0.test",
                      second = batch.recipients[1].local + "@d0.test";
    BOOST_TEST(failures.about_message(first));
    BOOST_TEST(!failures.about_message(second));
    BOOST_TEST(site.bounces().size() == 1u);
    BOOST_TEST(site.bounces().at(second) == 1);
    BOOST_TEST(site.counts(id).failed == 2);
    BOOST_TEST(storage::split_host(kept_host(site, id, 0)).about_message);
    if (!claimed_before) BOOST_TEST((batch.queue == storage::BatchQueue::kFinished));
  }
}

BOOST_AUTO_TEST_CASE(a_failure_that_only_the_journal_knows_is_no_bounce_if_it_is_the_messages_own) {
  recover_failures(true);
}

BOOST_AUTO_TEST_CASE(a_failure_that_only_the_journal_knows_is_told_when_the_claim_was_lost) {
  recover_failures(false);
}

BOOST_AUTO_TEST_CASE(a_damaged_batch_is_passed_over_and_the_others_are_told) {
  log::Capture quiet([](log::Level, std::string_view) {});
  Site site;
  site.add_members(2, 1);
  const Id damaged = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  const Id sound = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 1);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return c.execute("UPDATE batch SET recipients = x'0102' WHERE post_id = " + std::to_string(damaged));
  }));
  const storage::NodeStore::Identity node = begin_epoch(site);
  leave_a_journal(site, node.epoch, {damaged, sound});
  KeptFailures failures;
  must(delivery::recover(*site.database, journal_of(site), node, failures));
  BOOST_TEST(failures.told().size() == 2u);
  BOOST_TEST(site.counts(sound).failed == 2);
  BOOST_TEST(site.counts(damaged).failed == 0);
}

// Another node releases the batch after it was looked at and before it is merged.
class Releases : public delivery::FailureListener {
 public:
  explicit Releases(Id other) : other_(other) {}
  Result<void> on_failures(storage::Connection& connection, const std::vector<delivery::Failure>&) override {
    return connection.execute("UPDATE batch_state SET queue = 1, owner = 0, epoch = 0 WHERE post_id = " +
                              std::to_string(other_));
  }

 private:
  const Id other_;
};

BOOST_AUTO_TEST_CASE(no_failure_is_recorded_that_nobody_is_told_of) {
  Site site;
  site.add_members(2, 1);
  const Id theirs = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  const Id ours = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 1);
  const storage::NodeStore::Identity node = begin_epoch(site);
  must(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return c.execute("UPDATE batch_state SET queue = 3, owner = 99, epoch = 1 WHERE post_id = " +
                     std::to_string(theirs));
  }));
  leave_a_journal(site, node.epoch, {theirs, ours});
  Releases listener(theirs);
  must(delivery::recover(*site.database, journal_of(site), node, listener));
  BOOST_TEST(site.counts(ours).failed == 2);
  BOOST_TEST(site.counts(theirs).failed == 0);
  BOOST_TEST(site.counts(theirs).pending == 2);
}

class DamagedMembers : public delivery::FailureListener {
 public:
  Result<void> on_failures(storage::Connection&, const std::vector<delivery::Failure>&) override {
    return Error{ErrorCode::kDamaged, "a member's row"};
  }
};

BOOST_AUTO_TEST_CASE(failures_that_can_never_be_recorded_are_in_the_ledger_after_a_restart) {
  std::vector<std::string> lines;
  log::Capture capture([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  Site site;
  site.add_members(2, 1);
  const Id id = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  const storage::NodeStore::Identity node = begin_epoch(site);
  leave_a_journal(site, node.epoch, {id});
  DamagedMembers refuses;
  must(delivery::recover(*site.database, journal_of(site), node, refuses));
  BOOST_TEST(site.counts(id).failed == 2);
  BOOST_TEST(any(lines, "failures-not-reported"));
}

}  // namespace
}  // namespace essaim::test
