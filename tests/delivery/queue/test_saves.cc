// What of the queue's progress is recorded together.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "delivery/open_batch.h"
#include "delivery/save.h"
#include "delivery/save_watch.h"

namespace essaim::delivery {
namespace {

constexpr auto kLifetime = std::chrono::hours(24);
const WallTime kAccepted = from_millis(1'000'000);

// Of a post whose time is over: when `failed`, all its recipients have failed.
std::unique_ptr<OpenBatch> batch_of(int recipients, bool failed) {
  auto post = std::make_shared<ActivePost>();
  post->post.id = 77;
  post->post.accepted = kAccepted;
  post->post.expires = kAccepted + kLifetime;
  post->wire = share("x\r\n.\r\n");
  storage::BatchRecord record;
  record.post_id = 77;
  record.count = record.pending = recipients;
  for (int i = 0; i < recipients; ++i)
    record.recipients.push_back({i + 1, "u" + std::to_string(i), "a.test"});
  auto batch = std::make_unique<OpenBatch>(std::move(record), std::move(post));
  if (failed) batch->expire(kAccepted + kLifetime);
  return batch;
}

using Batches = std::vector<std::unique_ptr<OpenBatch>>;

// How many batches each transaction has, all of them in their order.
std::vector<std::size_t> sizes(const Batches& batches) {
  std::vector<OpenBatch*> all, seen;
  for (const auto& batch : batches) all.push_back(batch.get());
  std::vector<std::size_t> numbers;
  for (const std::vector<OpenBatch*>& together : in_transactions(all)) {
    numbers.push_back(together.size());
    seen.insert(seen.end(), together.begin(), together.end());
  }
  BOOST_TEST((seen == all));
  return numbers;
}

using Sizes = std::vector<std::size_t>;

BOOST_AUTO_TEST_SUITE(saves)

BOOST_AUTO_TEST_CASE(batches_without_failures_are_saved_by_thirty_two) {
  Batches batches;
  BOOST_TEST(sizes(batches).empty());
  for (int i = 0; i < 40; ++i) batches.push_back(batch_of(100, false));
  BOOST_TEST((sizes(batches) == Sizes{32, 8}));
}

// As when a provider has ended where many members were.
BOOST_AUTO_TEST_CASE(no_transaction_records_the_failures_of_more_than_a_thousand) {
  Batches batches;
  for (int i = 0; i < 25; ++i) batches.push_back(batch_of(100, true));
  BOOST_TEST((sizes(batches) == Sizes{10, 10, 5}));
  batches.push_back(batch_of(1000, true));
  batches.push_back(batch_of(1000, true));
  batches.push_back(batch_of(1000, false));
  batches.push_back(batch_of(1, true));
  BOOST_TEST((sizes(batches) == Sizes{10, 10, 5, 1, 2, 1}));
}

BOOST_AUTO_TEST_CASE(a_database_is_silent_from_the_first_save_that_it_does_not_take) {
  using std::chrono::milliseconds;
  const auto at = [](int ms) { return MonoTime{} + std::chrono::hours(1) + milliseconds(ms); };
  SaveWatch watch;
  BOOST_TEST(!watch.too_long(at(5000)));
  // One is refused, and waits; the others fare no better.
  watch.begun(at(0));
  watch.ended(false, at(10));
  BOOST_TEST(!watch.too_long(at(999)));
  watch.begun(at(800));
  BOOST_TEST(watch.too_long(at(1000)));
  BOOST_TEST((watch.silence(at(1500)) == milliseconds(1500)));
  watch.ended(false, at(1600));
  BOOST_TEST(watch.too_long(at(1700)));
  // One is taken.
  watch.begun(at(1800));
  watch.ended(true, at(1900));
  BOOST_TEST(!watch.too_long(at(9000)));
  // Of two the first is answered: the second waits from then on.
  watch.begun(at(10'000));
  watch.begun(at(10'100));
  watch.ended(true, at(10'900));
  BOOST_TEST(!watch.too_long(at(11'800)));
  BOOST_TEST(watch.too_long(at(11'900)));
  watch.ended(true, at(12'000));
  BOOST_TEST(!watch.too_long(at(20'000)));
}

// Who sends much has less time.
BOOST_AUTO_TEST_CASE(where_much_happens_meanwhile_a_save_has_a_moment) {
  using std::chrono::milliseconds;
  const auto at = [](int ms) { return MonoTime{} + std::chrono::hours(1) + milliseconds(ms); };
  SaveWatch watch;
  watch.happened(10'000);
  watch.begun(at(0));
  BOOST_TEST(!watch.too_long(at(900)));
  watch.happened(499);
  BOOST_TEST(!watch.too_long(at(900)));
  watch.happened(1);
  BOOST_TEST(!watch.too_long(at(249)));
  BOOST_TEST(watch.too_long(at(250)));
  watch.ended(true, at(300));
  watch.begun(at(400));
  BOOST_TEST(!watch.too_long(at(900)));
  watch.happened(500);
  BOOST_TEST(watch.too_long(at(900)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace essaim::delivery
