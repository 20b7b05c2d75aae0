// REMIND, to lists of every size: what of it is done within the request, and what is left to delivery.
#include <set>

#include "lists/held/job.h"
#include "lists/requests/request.h"
#include "storage/expansion.h"
#include "storage/fault.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

namespace {

struct Reminding : Served {
  void make_big_list(const std::string& name, int members) {
    std::vector<std::string> all;
    all.reserve(static_cast<std::size_t>(members));
    for (int i = 0; i < members; ++i)
      all.push_back("u" + std::to_string(i) + "@d" + std::to_string(i % 7) + ".example");
    make_list(name, {}, all);
  }
  // All in one transaction, with the list as it was before.
  std::string operator_asks(const std::vector<lists::Request>& requests) {
    std::string said;
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      said.clear();
      lists::WriteContext context{services, c, clock.wall_now(), 1};
      for (const lists::Request& request : requests) {
        const auto response = lists::carry_out_for_operator(context, request);
        if (!response.ok()) return response.error();
        said += response->text + "\n";
      }
      BOOST_TEST(context.posted);
      return {};
    }));
    return said;
  }
  lists::Request request(lists::Verb verb, const std::string& name) {
    lists::Request out;
    out.verb = verb;
    out.list = list(name);
    return out;
  }
  storage::PostRecord reminder_of(const std::string& name) {
    for (const auto& post : posts())
      if (post.list_address == name + "@lists.example") return post;
    BOOST_REQUIRE_MESSAGE(false, "no reminder of " + name);
    return {};
  }
  // As delivery does it.
  void expand(Id id) {
    for (bool expanded = false; !expanded;)
      require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto post = storage::PostStore(c).find(id);
        if (!post.ok()) return post.error();
        ESSAIM_TRY(storage::expand_members(c, &**post, 1, 1));
        expanded = (*post)->expanded;
        return {};
      }));
  }
  std::int64_t pending(Id id) {
    std::int64_t out = 0;
    read([&](storage::Connection& c) {
      const auto counts = storage::PostStore(c).counts(id);
      require(counts);
      out = counts->pending;
    });
    return out;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(remind)

BOOST_AUTO_TEST_CASE(a_big_list_is_reminded_by_delivery_and_behind_small_posts) {
  Reminding site;
  site.make_big_list("big", 2500);
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::MemberStore(c).set(site.list("big").id, storage::Role::kMember, address("u7@d0.example"),
                                       storage::Reception::kNone, "");
  }));
  lists::Request add = site.request(lists::Verb::kAdd, "big");
  add.email = address("new@x.example");
  const std::string said = site.operator_asks({add, site.request(lists::Verb::kRemind, "big")});
  BOOST_TEST(said.ends_with("members reminded: 2501\n"), said);
  const auto post = site.reminder_of("big");
  BOOST_TEST((post.kind == storage::PostKind::kNotice));
  BOOST_TEST(!post.expanded);
  BOOST_TEST(post.batches == 0);
  BOOST_TEST(post.priority == 2);
  BOOST_TEST(post.envelope_sender.empty());
  BOOST_TEST((post.mode == storage::CopyMode::kPersonal));
  BOOST_TEST(site.recipients(post.id).empty());
  BOOST_TEST(site.pending(post.id) == 2501);
  BOOST_TEST(site.rendering(post.id).find("\r\nTo: big@lists.example\r\n") != std::string::npos);

  // Whoever was a member then: who has come since is none of them. Who wants no posts is reminded of being one.
  site.join("big", {"late@x.example"});
  site.expand(post.id);
  const auto to = site.recipients(post.id);
  const std::set<std::string> once(to.begin(), to.end());
  BOOST_TEST(to.size() == 2501U);
  BOOST_TEST(once.size() == 2501U);
  BOOST_TEST(once.contains("u7@d0.example"));
  BOOST_TEST(once.contains("new@x.example"));
  BOOST_TEST(!once.contains("late@x.example"));
  BOOST_TEST(site.reminder_of("big").batches == 3);
}

BOOST_AUTO_TEST_CASE(a_reminder_of_all_lists_makes_no_more_batches_at_once_than_one_of_a_list) {
  Reminding site;
  site.make_big_list("a", 1001);
  site.make_big_list("b", 600);
  site.make_big_list("c", 600);
  site.make_big_list("d", 11);
  site.make_list("nobody");
  lists::Request all = site.request(lists::Verb::kRemindAll, "dev");
  const std::string said = site.operator_asks({all});
  BOOST_TEST(said.ends_with("members reminded: 2214\n"), said);
  struct Row {
    const char* list;
    bool at_once;
    int priority;
    std::size_t members;
  };
  for (const Row& row : {Row{"a", false, 2, 1001}, Row{"b", true, 1, 600}, Row{"c", false, 1, 600},
                         Row{"d", true, 1, 11}, Row{"dev", true, 0, 1}, Row{"other", true, 0, 1}}) {
    BOOST_TEST_CONTEXT(row.list) {
      const auto post = site.reminder_of(row.list);
      BOOST_TEST(post.expanded == row.at_once);
      BOOST_TEST(post.priority == row.priority);
      if (!row.at_once) site.expand(post.id);
      BOOST_TEST(site.recipients(post.id).size() == row.members);
    }
  }
  BOOST_TEST(site.posts().size() == 6U);
}

BOOST_AUTO_TEST_CASE(a_reminder_of_very_many_lists_is_finished_by_the_job_and_nobody_has_two) {
  Reminding site;
  for (int i = 0; i < 230; ++i) site.make_list("l" + std::to_string(i), {}, {"u@x.example"});
  site.make_list("nobody");
  const std::string said = site.operator_asks({site.request(lists::Verb::kRemindAll, "dev")});
  BOOST_TEST(said.ends_with("members reminded: 232\n"), said);
  BOOST_TEST(site.posts().size() == 100U);
  using Where = storage::FaultPlan::Where;
  int failed = 0;
  for (const Where where : {Where::kAfterCommit, Where::kBeforeCommit, Where::kAfterCommit}) {
    storage::FaultPlan::arm({where, 1});
    failed += lists::look_after_held(site.services).ok() ? 0 : 1;
    storage::FaultPlan::disarm();
  }
  BOOST_TEST(failed == 3);
  TestSite::require(lists::look_after_held(site.services));
  std::set<std::string> lists;
  for (const auto& post : site.posts()) lists.insert(post.list_address);
  BOOST_TEST(lists.size() == 232U);
  BOOST_TEST(site.posts().size() == 232U);
  // Nothing is left to do.
  TestSite::require(lists::look_after_held(site.services));
  BOOST_TEST(site.posts().size() == 232U);
}

BOOST_AUTO_TEST_SUITE_END()
