// What people know of a post that did not arrive: a domain of its author, words of its subject, one of its recipients, and that
// somebody had left before.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "storage/departure_store.h"
#include "storage/post_filter.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

std::vector<Id> found(Database& database, const PostFilter& filter) {
  std::vector<Id> ids;
  for (const PostRecord& one :
       must(database.read_now([&](Connection& c) { return PostStore(c).search(filter); })))
    ids.push_back(one.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

BOOST_AUTO_TEST_CASE(posts_are_found_by_the_domain_of_who_wrote_them) {
  TempDatabase database;
  make_list(*database);
  const std::vector<std::pair<const char*, const char*>> written = {{"bounces@news.uni.test", "Ada@Uni.test"},
                                                                    {"ada@uni.test", ""},
                                                                    {"", ""},
                                                                    {"x@dauni.test", "x@dauni.test"}};
  Id id = 0;
  for (const auto& [sender, author] : written) {
    PostRecord p = post(++id);
    p.sender = sender;
    p.author = author;
    make_post(*database, p, people(1, "a.test"));
  }
  const auto by = [&](const std::string& sender) {
    PostFilter filter;
    filter.sender = sender;
    return found(*database, filter);
  };
  BOOST_TEST((by("@uni.test") == std::vector<Id>{1, 2}));
  BOOST_TEST((by("@UNI.Test") == std::vector<Id>{1, 2}));
  BOOST_TEST((by("@news.uni.test") == std::vector<Id>{1}));
  BOOST_TEST((by("@test") == std::vector<Id>{}));
  BOOST_TEST((by("ada@uni.test") == std::vector<Id>{1, 2}));
  BOOST_TEST((by("<>") == std::vector<Id>{3}));
}

BOOST_AUTO_TEST_CASE(posts_are_found_by_words_of_the_subject) {
  TempDatabase database;
  make_list(*database);
  const std::vector<std::string> subjects = {"Meeting on Thursday",
                                             "\xc3\x9c"
                                             "bung am MONTAG",
                                             "100% off_"};
  Id id = 0;
  for (const std::string& subject : subjects) {
    PostRecord p = post(++id);
    p.subject = subject;
    make_post(*database, p, people(1, "a.test"));
  }
  const auto by = [&](const std::string& subject) {
    PostFilter filter;
    filter.subject = subject;
    return found(*database, filter);
  };
  BOOST_TEST((by("on thurs") == std::vector<Id>{1}));
  BOOST_TEST((by("\xc3\x9c"
                 "bung") == std::vector<Id>{2}));
  BOOST_TEST((by("am montag") == std::vector<Id>{2}));
  BOOST_TEST((by("100%") == std::vector<Id>{3}));
  BOOST_TEST((by("_") == std::vector<Id>{3}));  // no pattern
  BOOST_TEST((by("thursday meeting") == std::vector<Id>{}));
}

BOOST_AUTO_TEST_CASE(batches_in_which_a_recipient_can_be_are_told_by_their_keys) {
  TempDatabase database;
  make_list(*database);
  std::vector<BatchRecipient> all = people(1500, "a.test");
  for (const BatchRecipient& one : people(1500, "b.test")) all.push_back(one);
  make_post(*database, post(1), all);
  const auto batches = [&](const std::string& recipient, const std::string& domain) {
    PostFilter filter;
    filter.recipient = recipient;
    filter.domain = domain;
    return must(database->read_now([&](Connection& c) { return batches_for(c, 1, RecipientMatch(filter)); }));
  };
  const std::string last = all.back().local + "@" + all.back().domain;
  const auto total = must(database->read_now([](Connection& c) { return PostStore(c).find(1); }))->batches;
  BOOST_REQUIRE(total >= 3);
  BOOST_TEST((batches(last, "") == std::vector<int>{total - 1}));
  BOOST_TEST(batches("", "a.test").size() < static_cast<std::size_t>(total));
  BOOST_TEST((batches("x@z.test", "") == std::vector<int>{}));
}

BOOST_AUTO_TEST_CASE(the_latest_departure_of_somebody_is_found_however_the_address_is_spelt) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    DepartureStore store(c);
    ESSAIM_TRY(store.add({1, "dev@lists.test", "Ann@A.test", "page", "", kNow}));
    ESSAIM_TRY(store.add({2, "dev@lists.test", "ann@a.test", "mail", "", kNow + std::chrono::seconds(5)}));
    ESSAIM_TRY(
        store.add({3, "dev@lists.test", "bob@a.test", "operator", "", kNow + std::chrono::seconds(9)}));
    ESSAIM_TRY(store.add({4, "other@lists.test", "cem@a.test", "operator", "", kNow}));
    BOOST_TEST(must(store.latest("dev@lists.test", {"ANN", "a.test"}))->how == "mail");
    BOOST_TEST(must(store.latest("dev@lists.test", {"bob", "A.test"}))->how == "operator");
    BOOST_TEST(!must(store.latest("dev@lists.test", {"cem", "a.test"})).has_value());
    // Behind as many as are looked at together, at one time.
    for (Id id = 100; id < 2600; ++id)
      ESSAIM_TRY(store.add({id, "dev@lists.test", "u" + std::to_string(id) + "@a.test", "page", "",
                            kNow + std::chrono::seconds(20)}));
    for (const Id id : {100, 599, 600, 1599, 1600, 2599})
      BOOST_TEST(must(store.latest("dev@lists.test", {"u" + std::to_string(id), "a.test"}))->member_id == id);
    BOOST_TEST(must(store.latest("dev@lists.test", {"ann", "a.test"}))->how == "mail");
    BOOST_TEST(!must(store.latest("dev@lists.test", {"cem", "a.test"})).has_value());
    return {};
  });
}
