// Lists that are deleted while something waits there.
#include <algorithm>
#include <string>
#include <vector>

#include "lists/held/job.h"
#include "lists/list_end.h"
#include "storage/fault.h"
#include "storage/held_store.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;

namespace {

constexpr const char* kSubject = "The list dev@lists.example was deleted";

lists::Dropped end(TestSite& site, bool quiet = false) {
  const auto dropped = site.admin.delete_list("dev@lists.example", quiet);
  TestSite::require(dropped);
  return *dropped;
}

// Of the mails that say it.
std::vector<storage::PostRecord> said(TestSite& site) {
  auto out = site.posts();
  std::erase_if(out, [](const auto& post) { return post.subject != kSubject; });
  return out;
}

void ask(TestSite& site, const std::string& who, const std::string& command) {
  const auto reply = site.send(who, {"sympa@lists.example"}, a_mail(who, "", command + "\n"));
  BOOST_TEST(reply.positive(), reply.to_string());
}

// So many posts wait, of so many authors in turn.
void hold(TestSite& site, int posts, int authors) {
  const Id list_id = site.list("dev").id;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        for (int i = 0; i < posts; ++i) {
          storage::HeldRecord held;
          held.id = site.ids.next();
          held.key = "key" + std::to_string(i);
          held.list_id = list_id;
          held.list_address = "dev@lists.example";
          held.author = "a" + std::to_string(i % authors) + "@x.example";
          held.held = site.clock.wall_now();
          held.expires = held.held + std::chrono::hours(24);
          ESSAIM_TRY(storage::HeldStore(c).add(held));
        }
        return {};
      }));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_end)

BOOST_AUTO_TEST_CASE(who_waits_for_others_is_told_once_that_the_list_was_deleted) {
  Moderated site("editorkey", {{"subscribe", "owner"}});
  site.post("ann@x.example", "<p1@x>");
  site.post("Ann@x.example", "<p2@x>");
  site.post("bob@y.example", "<p3@x>");
  ask(site, "new@z.example", "SUBSCRIBE dev");
  BOOST_REQUIRE(site.held().size() == 4U);
  const lists::Dropped dropped = end(site);
  BOOST_TEST(dropped.posts == 3);
  BOOST_TEST(dropped.requests == 1);
  BOOST_TEST(dropped.told == 3);
  BOOST_REQUIRE(said(site).size() == 1U);
  auto people = site.recipients(said(site).front().id);
  std::sort(people.begin(), people.end());
  const std::vector<std::string> expected = {"ann@x.example", "bob@y.example", "new@z.example"};
  BOOST_TEST(people == expected, boost::test_tools::per_element());
  const Letter letter = last_letter(site, "new@z.example");
  BOOST_TEST(letter.subject() == kSubject);
  BOOST_TEST(letter.field("From").find("sympa@lists.example") != std::string::npos, letter.whole);
  BOOST_TEST(letter.field("Reply-To") == "listmaster@lists.example");
  BOOST_TEST(letter.field("Message-ID").ends_with("@mx.example>"), letter.whole);
  for (const char* other : {"ann@", "bob@", "new@"})
    BOOST_TEST(letter.whole.find(other) == std::string::npos, letter.whole);
  BOOST_TEST(site.held().empty());
  for (const storage::HeldRecord& held : site.held(true)) {
    BOOST_TEST((held.state == storage::HeldState::kRejected));
    BOOST_TEST(held.decided_by == "the operator");
  }
  // It is gone: nothing is said again.
  const auto again = site.admin.delete_list("dev@lists.example");
  BOOST_REQUIRE(!again.ok());
  BOOST_TEST((again.error().code == ErrorCode::kNotFound));
  BOOST_TEST(said(site).size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_was_asked_to_confirm_is_told_nothing) {
  Moderated site("privatekey", {{"subscribe", "auth"}});
  site.post();
  ask(site, "new@z.example", "SUBSCRIBE dev");
  BOOST_REQUIRE(site.held().size() == 2U);
  const lists::Dropped dropped = end(site);
  BOOST_TEST(dropped.posts == 1);
  BOOST_TEST(dropped.requests == 1);
  BOOST_TEST(dropped.told == 0);
  BOOST_TEST(said(site).empty());
}

BOOST_AUTO_TEST_CASE(nobody_is_told_where_that_is_not_wanted) {
  {
    Moderated site;
    site.post();
    const lists::Dropped dropped = end(site, true);
    BOOST_TEST(dropped.posts == 1);
    BOOST_TEST(dropped.told == 0);
    BOOST_TEST(said(site).empty());
  }
  {
    // As when a moderator refuses it; who asked for something is told in any case.
    Moderated site("editorkey", {{"tell_rejected", "false"}, {"subscribe", "owner"}});
    site.post();
    ask(site, "new@z.example", "SUBSCRIBE dev");
    BOOST_TEST(end(site).told == 1);
    BOOST_REQUIRE(said(site).size() == 1U);
    BOOST_TEST(site.recipients(said(site).front().id) == std::vector<std::string>{"new@z.example"},
               boost::test_tools::per_element());
  }
  {
    Moderated site;  // a list on which nothing waits
    const lists::Dropped dropped = end(site);
    BOOST_TEST(dropped.posts + dropped.requests + dropped.told == 0);
    BOOST_TEST(said(site).empty());
  }
}

// Nobody can be told of it, but the list goes.
BOOST_AUTO_TEST_CASE(a_damaged_row_keeps_no_list_from_being_deleted) {
  Moderated site;
  site.post("ann@x.example", "<p1@x>");
  const Id damaged = site.held().front().id;
  site.post("bob@y.example", "<p2@x>");
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto statement = c.prepare("UPDATE held SET details = 'x' WHERE id = ?");
        if (!statement.ok()) return statement.error();
        (*statement)->bind(1, damaged);
        const auto changed = (*statement)->run();
        return changed.ok() ? Result<void>() : changed.error();
      }));
  BOOST_TEST(end(site).told == 1);
  BOOST_TEST(last_letter(site, "bob@y.example").subject() == kSubject);
  BOOST_TEST(site.rcpt("dev@lists.example").target == nullptr);
}

BOOST_AUTO_TEST_CASE(what_is_said_of_mail_with_requiretls_asks_for_it_too) {
  Moderated site;
  site.post("ann@x.example", "<p1@x>");
  const auto reply = site.send("bob@y.example", {"dev@lists.example"}, a_post("bob@y.example", "<p2@x>"),
                               {.require_tls = true});
  BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
  BOOST_TEST(end(site).told == 2);
  BOOST_REQUIRE(said(site).size() == 2U);
  for (const storage::PostRecord& post : said(site)) {
    const bool bob = site.recipients(post.id) == std::vector<std::string>{"bob@y.example"};
    BOOST_TEST((post.tls == storage::TlsRequest::kRequired) == bob);
  }
}

void remove_with_a_text(bool quiet) {
  TestSite site;
  const auto without = site.admin.export_text();
  TestSite::require(without);
  site.make_list("dev", {{"send", "editorkey"}}, {}, {"own@o.example"});
  BOOST_TEST(site.send("ann@x.example", {"dev@lists.example"}, a_post("ann@x.example")).positive());
  const auto planned = site.admin.apply_text(*without, true, true, quiet);
  TestSite::require(planned);
  BOOST_TEST(planned->dropped.posts == 0);
  const auto applied = site.admin.apply_text(*without, false, true, quiet);
  TestSite::require(applied);
  BOOST_TEST(site.rcpt("dev@lists.example").target == nullptr);
  BOOST_TEST(applied->dropped.posts == 1);
  BOOST_TEST(applied->dropped.requests == 0);
  BOOST_TEST(applied->dropped.told == (quiet ? 0 : 1));
  BOOST_REQUIRE(said(site).size() == (quiet ? 0U : 1U));
  if (quiet) return;
  BOOST_TEST(site.recipients(said(site).front().id) == std::vector<std::string>{"ann@x.example"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_list_that_goes_with_a_text_tells_them_as_well) {
  remove_with_a_text(false);
}

BOOST_AUTO_TEST_CASE(a_list_that_goes_with_a_text_tells_nobody_where_that_is_not_wanted) {
  remove_with_a_text(true);
}

// One mail for some hundred, as a transaction that writes a mail for each would keep all others waiting; and each is told once,
// also when the job was cut off.
BOOST_AUTO_TEST_CASE(of_thousands_that_wait_each_author_is_told_once) {
  constexpr int kMany = 2500, kAuthors = 1000;
  Moderated site;
  hold(site, kMany, kAuthors);
  const lists::Dropped dropped = end(site);
  BOOST_TEST(dropped.posts == storage::kHeldTogether);
  BOOST_TEST(dropped.told == storage::kHeldTogether);
  BOOST_TEST(dropped.more);
  BOOST_TEST(site.posts().size() == 1U);
  // What one transaction does not bear the job declines; who answers before hears that it is over.
  const auto waiting = [&site] {
    std::vector<storage::HeldRecord> out;
    site.read([&](storage::Connection& c) {
      auto found = storage::HeldStore(c).search({.list = "", .limit = 2 * kMany});
      TestSite::require(found);
      out = *found;
    });
    return out;
  };
  BOOST_REQUIRE(waiting().size() == static_cast<std::size_t>(kMany - storage::kHeldTogether));
  const auto late = site.decide(waiting().front(), lists::Verdict::kApprove, "eve@e.example");
  BOOST_TEST((late.status == lists::Response::Status::kRefused));
  storage::FaultPlan::arm({storage::FaultPlan::Where::kBeforeCommit, 3, 1'000'000});
  const bool whole = lists::look_after_held(site.services).ok();
  storage::FaultPlan::disarm();
  BOOST_TEST(!whole);
  BOOST_REQUIRE(waiting().size() == static_cast<std::size_t>(kMany - 3 * storage::kHeldTogether));
  LogLines log;
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(waiting().empty());
  BOOST_TEST(log.has({"waiting-dropped", "list=dev@lists.example", "posts=1750", "told=250"}));
  for (const storage::HeldRecord& held : site.held(true)) {
    BOOST_TEST((held.state == storage::HeldState::kRejected));
    BOOST_TEST(held.decided_by == "the operator");
  }
  std::vector<std::string> told;
  for (const storage::PostRecord& post : said(site)) {
    const auto people = site.recipients(post.id);
    BOOST_TEST(people.size() <= static_cast<std::size_t>(storage::kHeldTogether));
    told.insert(told.end(), people.begin(), people.end());
  }
  BOOST_TEST(said(site).size() == 4U);
  BOOST_TEST(told.size() == static_cast<std::size_t>(kAuthors));
  std::sort(told.begin(), told.end());
  BOOST_TEST((std::unique(told.begin(), told.end()) == told.end()));
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(said(site).size() == 4U);
}

BOOST_AUTO_TEST_CASE(the_job_tells_nobody_of_the_rest_where_that_is_not_wanted) {
  constexpr int kMany = 300;
  Moderated site;
  hold(site, kMany, kMany);
  BOOST_TEST(end(site, true).more);
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(site.held().empty());
  BOOST_TEST(site.posts().empty());
}

BOOST_AUTO_TEST_SUITE_END()
