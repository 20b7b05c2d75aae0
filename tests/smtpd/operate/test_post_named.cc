// Posts by the ids that people and the log know them by.
#include "smtpd/operate/post_named.h"
#include "storage/held_store.h"
#include "storage/held_trail.h"
#include "tests/smtpd/operate/queue_fixture.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Named : Queue {
  HeldRecord wait(Id id, HeldKind kind = HeldKind::kModeration) {
    HeldRecord held;
    held.id = id;
    held.kind = kind;
    held.key = "key" + std::to_string(id);
    held.details = {{"auth", "smtp"}};
    held.held = held.expires = clock.wall_now();
    commit(*database, [&](Connection& c) { return HeldStore(c).add(held, "From: ann@x.example\r\n\r\n"); });
    return held;
  }
  void decide(const HeldRecord& held, HeldState state, Id then = 0) {
    commit(*database, [&](Connection& c) -> Result<void> {
      BOOST_TEST(must(HeldStore(c).decide(held.id, state, clock.wall_now(), "eve@e.example", "")));
      return then == 0 ? Result<void>() : leave_trail(c, held, then);
    });
  }
  // Its id, "" if there is none.
  std::string named(Id id) {
    std::string out;
    must(database->read_now([&](Connection& c) -> Result<void> {
      const auto post = smtpd::operate::post_named(c, id);
      if (!post.ok()) return post.error();
      if (post->has_value()) out = std::to_string((*post)->id);
      return {};
    }));
    return out;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(posts_by_name)

BOOST_FIXTURE_TEST_CASE(a_post_is_found_under_each_id_that_it_had, Named) {
  BOOST_TEST(named(1) == "1");
  decide(wait(10), HeldState::kApproved, 2);
  BOOST_TEST(named(10) == "2");
  // Its author has confirmed it, then a moderator let it pass.
  const HeldRecord first = wait(11, HeldKind::kConfirmation), second = wait(12);
  decide(first, HeldState::kApproved, 12);
  BOOST_TEST(named(11) == "");  // it waits again
  decide(second, HeldState::kApproved, 3);
  BOOST_TEST(named(11) == "3");
  BOOST_TEST(named(12) == "3");
  // What else is known of it stays.
  must(database->read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(HeldStore(c).find(11)).value().detail("auth") == "smtp");
    return {};
  }));
}

BOOST_FIXTURE_TEST_CASE(what_never_became_a_post_is_none, Named) {
  BOOST_TEST(named(99) == "");
  const HeldRecord refused = wait(20);
  BOOST_TEST(named(20) == "");
  decide(refused, HeldState::kRejected);
  BOOST_TEST(named(20) == "");
  // What names itself ends somewhere.
  decide(wait(21), HeldState::kApproved, 21);
  BOOST_TEST(named(21) == "");
}

// By the id that its author and the log know.
BOOST_FIXTURE_TEST_CASE(what_is_done_to_a_post_is_done_under_each_id_that_it_had, Named) {
  decide(wait(10), HeldState::kApproved, 2);
  const HeldRecord first = wait(11, HeldKind::kConfirmation), second = wait(12);
  decide(first, HeldState::kApproved, 12);
  using smtpd::operate::QueueAction;
  auto named = request(QueueAction::kHold);
  named.selection.ids = {10, 2, 11};
  auto done = change(named);
  BOOST_TEST(done.posts == 1);
  BOOST_TEST((done.unknown == std::vector<Id>{11}));  // it waits yet
  BOOST_TEST(state(2) == "4 pending 5 suppressed 0 held");
  named.action = QueueAction::kRelease;
  BOOST_TEST(change(named).posts == 1);
  decide(second, HeldState::kApproved, 3);
  named.action = QueueAction::kDelete;
  named.selection.ids = {11};
  done = change(named);
  BOOST_TEST(done.posts == 1);
  BOOST_TEST(done.unknown.empty());
  BOOST_TEST(state(3) == "0 pending 0 suppressed 5");
  BOOST_TEST(state(1) == "1 pending 5 suppressed 0");
}

BOOST_AUTO_TEST_SUITE_END()
