// Who gets no more because copies come back, who does not, and how it is taken back.
#include <algorithm>

#include "lists/bounce_stops.h"
#include "lists/bounces.h"
#include "storage/batch_store.h"
#include "storage/bouncer_store.h"
#include "storage/job_runner.h"
#include "storage/member_store.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::test;
using storage::BouncerStore;
using storage::Reception;

namespace {

constexpr Duration kDay = std::chrono::hours(24);

struct Bouncing : TestSite {
  Bouncing() {
    clock.set_wall(from_millis(1'780'000'000'000));
    make_list("dev", {{"send", "public"}}, {"ann@dead.example", "bob@b.example"}, {"boss@o.example"});
  }
  // A copy of a post for the member came back now.
  void bounce(const std::string& who, const std::string& reply = "550 5.1.1 no such user") {
    const auto m = member("dev", who);
    BOOST_REQUIRE(m.has_value());
    storage::PostRecord post;
    post.kind = storage::PostKind::kList;
    post.list_id = m->list_id;
    post.list_address = "dev@lists.example";
    post.list_revision = list("dev").revision;
    const lists::DeliveryFailure failure{&post, m->id, address(who), reply, "mx.dead.example"};
    require(database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
      auto done = lists::record_failures(services, c, {failure});
      return done.ok() ? Result<void>() : done.error();
    }));
  }
  void bounce_on_days(const std::string& who, int days, Duration apart = 3 * kDay) {
    for (int i = 0; i < days; ++i) {
      bounce(who);
      clock.advance(apart);
    }
  }
  std::string run() {
    auto result = lists::make_bounces_job(&services).run(*database);
    BOOST_REQUIRE_MESSAGE(result.ok(), (result.ok() ? "" : result.error().message));
    return *result;
  }
  std::vector<storage::Bouncer> rows(bool stopped) {
    std::vector<storage::Bouncer> out;
    const Id id = list("dev").id;
    read([&](storage::Connection& c) {
      out = stopped ? BouncerStore(c).stopped(id, {}, 0, 1000).value()
                    : BouncerStore(c).due(id, 0, 0, 1000).value();
    });
    return out;
  }
  bool is_stopped(const std::string& who) { return member("dev", who)->stopped.has_value(); }
  // What we wrote, newest first: its recipients and text.
  std::string told(const std::string& who) {
    for (const storage::PostRecord& post : posts()) {
      if (post.kind != storage::PostKind::kNotice) continue;
      const auto to = recipients(post.id);
      if (std::find(to.begin(), to.end(), who) != to.end()) return rendering(post.id);
    }
    return "";
  }
  void deliver(Id post_id, const std::string& who) {
    require(database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
      auto batches = storage::BatchStore(c).of_post(post_id, true);
      if (!batches.ok()) return batches.error();
      for (storage::BatchRecord& batch : *batches) {
        batch.progress.recipients.resize(batch.recipients.size());
        for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
          if (batch.recipients[i].local + "@" + batch.recipients[i].domain != who) continue;
          batch.progress.recipients[i].state = storage::RecipientState::kDelivered;
          batch.progress.recipients[i].time = 5;
        }
        ESSAIM_TRY(storage::BatchStore(c).save_unowned(batch));
      }
      return {};
    }));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(bounce_stops)

BOOST_AUTO_TEST_CASE(who_bounces_on_five_days_gets_no_more_and_is_told_as_the_owners_are) {
  Bouncing site;
  LogLines log;
  site.bounce_on_days("ann@dead.example", 4);
  BOOST_TEST(site.run() == "members stopped: 0");
  BOOST_TEST(site.member("dev", "ann@dead.example")->has_mail());
  site.bounce("ann@dead.example");
  BOOST_TEST(site.run() == "members stopped: 1");
  BOOST_TEST(site.is_stopped("ann@dead.example"));
  BOOST_TEST(!site.member("dev", "ann@dead.example")->has_mail());
  BOOST_TEST((site.member("dev", "ann@dead.example")->wanted() == Reception::kEach));
  BOOST_TEST(site.member("dev", "bob@b.example")->has_mail());
  BOOST_TEST(log.has({"member-stopped", "email=ann@dead.example", "days=5"}));
  const std::string mail = site.told("ann@dead.example");
  BOOST_TEST(mail.find("SET dev MAIL") != std::string::npos, mail);
  BOOST_TEST(mail.find("550 5.1.1 no such user") != std::string::npos);
  const std::string owners = site.told("boss@o.example");
  BOOST_TEST(owners.find("Members of dev@lists.example who get no more posts: 1") != std::string::npos,
             owners);
  BOOST_TEST(owners.find("ann@dead.example") != std::string::npos);
  // Nobody is told twice, and posts go to the others alone.
  const std::size_t before = site.posts().size();
  BOOST_TEST(site.run() == "members stopped: 0");
  BOOST_TEST(site.posts().size() == before);
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  BOOST_TEST(site.recipients(site.last_id) == std::vector<std::string>{"bob@b.example"});
}

BOOST_AUTO_TEST_CASE(days_count_and_not_copies_and_long_silence_begins_anew) {
  Bouncing site;
  for (int i = 0; i < 50; ++i) site.bounce("ann@dead.example");
  BOOST_REQUIRE_EQUAL(site.rows(false).size(), 1U);
  BOOST_TEST(site.rows(false)[0].days == 1);
  site.clock.advance(kDay);
  site.bounce_on_days("ann@dead.example", 5, kDay);
  // Six days of them, within six days.
  BOOST_TEST(site.rows(false)[0].days == 6);
  BOOST_TEST(site.run() == "members stopped: 0");
  site.clock.advance(61 * kDay);
  site.bounce("ann@dead.example");
  BOOST_TEST(site.rows(false)[0].days == 1);
  BOOST_TEST((site.rows(false)[0].since == site.clock.wall_now()));
}

BOOST_AUTO_TEST_CASE(whoever_has_had_a_post_since_begins_anew) {
  Bouncing site;
  site.bounce_on_days("ann@dead.example", 2);
  site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"));
  site.deliver(site.last_id, "ann@dead.example");
  site.bounce_on_days("ann@dead.example", 5);
  BOOST_TEST(site.run() == "members stopped: 0");
  BOOST_TEST(site.rows(false).empty());
  // One that was delivered before the first of them says nothing.
  site.bounce_on_days("ann@dead.example", 6);
  BOOST_TEST(site.run() == "members stopped: 1");
}

BOOST_AUTO_TEST_CASE(what_is_not_the_members_fault_counts_for_nothing) {
  Bouncing site;
  const auto m = site.member("dev", "ann@dead.example");
  storage::PostRecord post;
  post.kind = storage::PostKind::kList;
  post.list_id = m->list_id;
  post.list_revision = site.list("dev").revision;
  lists::DeliveryFailure failure{&post, m->id, address("ann@dead.example"), "554 5.7.1 spam", "mx"};
  failure.about_message = true;
  TestSite::require(
      site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
        auto done = lists::record_failures(site.services, c, {failure});
        return done.ok() ? Result<void>() : done.error();
      }));
  BOOST_TEST(site.rows(false).empty());
  // Forgiven ones are taken back by the day; of an address that the member has no more they are nobody's.
  site.bounce_on_days("ann@dead.example", 5);
  failure.about_message = false;
  TestSite::require(
      site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
        auto done = lists::forgive_failure(c, failure);
        return done.ok() ? Result<void>() : done.error();
      }));
  BOOST_TEST(site.rows(false)[0].days == 4);
  BOOST_TEST(site.run() == "members stopped: 0");
}

BOOST_AUTO_TEST_CASE(lists_may_have_other_limits_or_none) {
  Bouncing site;
  site.require(site.admin.set_list("dev@lists.example", {{"bounce_days", "0"}}));
  site.bounce_on_days("ann@dead.example", 20);
  BOOST_TEST(site.run() == "members stopped: 0");
  site.require(site.admin.set_list("dev@lists.example", {{"bounce_days", "19"}}));
  BOOST_TEST(site.run() == "members stopped: 1");
}

BOOST_AUTO_TEST_CASE(many_at_once_are_somebodys_trouble_and_wait_for_an_operator) {
  Bouncing site;
  LogLines log;
  std::vector<std::string> members;
  members.reserve(171);
  for (int i = 0; i < 21; ++i) members.push_back("m" + std::to_string(i) + "@provider.example");
  for (int i = 0; i < 150; ++i) members.push_back("n" + std::to_string(i) + "@fine.example");
  site.make_list("big", {{"send", "public"}}, members, {"boss@o.example"});
  const auto bounce_all = [&](int number) {
    const auto record = site.list("big");
    storage::PostRecord post;
    post.kind = storage::PostKind::kList;
    post.list_id = record.id;
    post.list_revision = record.revision;
    std::vector<lists::DeliveryFailure> all;
    all.reserve(static_cast<std::size_t>(number));
    for (int i = 0; i < number; ++i)
      all.push_back({&post, site.member("big", members[static_cast<std::size_t>(i)])->id,
                     address(members[static_cast<std::size_t>(i)]), "550 5.1.1 gone", "mx"});
    TestSite::require(
        site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) -> Result<void> {
          auto done = lists::record_failures(site.services, c, all);
          return done.ok() ? Result<void>() : done.error();
        }));
  };
  for (int day = 0; day < 5; ++day) {
    bounce_all(21);
    site.clock.advance(3 * kDay);
  }
  BOOST_TEST(site.run() == "members stopped: 0");
  BOOST_TEST(log.has({"bounces-too-many", "list=big@lists.example", "members=21"}));
  const std::string mail = site.told(site.services.site.postmaster.to_string());
  BOOST_TEST(mail.find("essaim bounce stop big@lists.example") != std::string::npos, mail);
  const std::size_t before = site.posts().size();
  BOOST_TEST(site.run() == "members stopped: 0");
  BOOST_TEST(site.posts().size() == before);  // once a week
  // An operator says that they are dead.
  const auto record = site.list("big");
  lists::BounceStops stops;
  site.read(
      [&](storage::Connection& c) { stops = lists::plan_stops(c, record, site.clock.wall_now()).value(); });
  BOOST_TEST(stops.too_many);
  BOOST_TEST(lists::stop_all(site.services, record, stops).value() == 21U);
}

BOOST_AUTO_TEST_CASE(it_is_taken_back_by_whoever_says_how_posts_are_to_be_had) {
  Bouncing site;
  site.require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::MemberStore(c).set(site.member("dev", "ann@dead.example")->list_id,
                                       storage::Role::kMember, address("ann@dead.example"),
                                       Reception::kSummary, "Ann");
  }));
  const auto stop = [&] {
    site.bounce_on_days("ann@dead.example", 5);
    BOOST_TEST(site.run() == "members stopped: 1");
    BOOST_TEST(site.is_stopped("ann@dead.example"));
  };
  stop();
  // By an operator: as it was.
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto done = BouncerStore(c).resume(site.member("dev", "ann@dead.example")->id);
        BOOST_TEST(done.value());
        BOOST_TEST(!BouncerStore(c).resume(site.member("dev", "ann@dead.example")->id).value());
        return {};
      }));
  BOOST_TEST((site.member("dev", "ann@dead.example")->reception == Reception::kSummary));
  BOOST_TEST(site.rows(true).empty());
  BOOST_TEST(site.rows(false).empty());
  // By its member, or whoever sets it; also nothing at all is then its own wish.
  for (const Reception said : {Reception::kEach, Reception::kNone}) {
    stop();
    site.require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
      return storage::MemberStore(c).set(site.member("dev", "ann@dead.example")->list_id,
                                         storage::Role::kMember, address("ann@dead.example"), said, "Ann");
    }));
    BOOST_TEST(!site.is_stopped("ann@dead.example"));
    BOOST_TEST((site.member("dev", "ann@dead.example")->reception == said));
    if (said == Reception::kNone) break;
  }
  // Who leaves leaves no row.
  site.require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, address("ann@dead.example")));
  site.run();
  BOOST_TEST(site.rows(true).empty());
}

BOOST_AUTO_TEST_CASE(texts_that_lists_are_kept_by_do_not_take_it_back) {
  Bouncing site;
  site.bounce_on_days("ann@dead.example", 5);
  BOOST_TEST(site.run() == "members stopped: 1");
  const auto text = site.admin.export_text();
  BOOST_REQUIRE(text.ok());
  BOOST_TEST(text->find("\"ann@dead.example\"") != std::string::npos, *text);
}

BOOST_AUTO_TEST_SUITE_END()
