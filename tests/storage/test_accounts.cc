#include <algorithm>
#include <string>

#include "storage/account_store.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

AccountRecord ann() {
  AccountRecord account;
  account.name = "ann";
  account.password = "$y$x";
  account.addresses = {"ann@a.test", "*@b.test"};
  account.may_relay = true;
  account.created = account.changed = from_millis(7);
  return account;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(accounts)

BOOST_AUTO_TEST_CASE(accounts_are_kept_changed_and_forgotten) {
  TempDatabase database;
  commit(*database, [](Connection& c) { return AccountStore(c).add(ann()); });
  commit(*database, [](Connection& c) -> Result<void> {
    AccountStore store(c);
    BOOST_TEST((code_of(store.add(ann())) == ErrorCode::kExists));
    AccountRecord found = *must(store.find("ann"));
    BOOST_TEST(found.password == "$y$x");
    BOOST_TEST(found.scram.empty());
    BOOST_TEST(found.addresses == ann().addresses, boost::test_tools::per_element());
    BOOST_TEST(found.may_relay);
    BOOST_TEST(!found.disabled);
    found.addresses.clear();
    found.disabled = true;
    must(store.update(found));
    BOOST_TEST(must(store.all()).size() == 1U);
    BOOST_TEST(must(store.find("ann"))->addresses.empty());
    BOOST_TEST(must(store.find("ann"))->disabled);
    must(store.update(found));  // matched, though nothing changed
    must(store.remove("ann"));
    BOOST_TEST((code_of(store.remove("ann")) == ErrorCode::kNotFound));
    BOOST_TEST((code_of(store.update(found)) == ErrorCode::kNotFound));
    BOOST_TEST(!must(store.find("ann")).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(failures_are_counted_by_account_and_network_and_forgotten_in_time) {
  TempDatabase database;
  constexpr std::int64_t kSlot = 600'000;
  const auto at = [](std::int64_t slot) { return from_millis(1'000 * kSlot + slot * kSlot + 5); };
  commit(*database, [&](Connection& c) -> Result<void> {
    LoginFailureStore store(c);
    must(store.count("ann", "n1", at(0)));
    must(store.count("ann", "n1", at(1)));
    must(store.count("ann", "n2", at(1)));
    must(store.count("bob", "n1", at(1)));
    const auto counts = must(store.counts("ann", "n1", at(1)));
    BOOST_TEST(counts.pair == 2);
    BOOST_TEST(counts.network == 3);
    BOOST_TEST(counts.account == 3);
    BOOST_TEST(must(store.counts("ann", "n1", at(2))).pair == 1);
    BOOST_TEST(must(store.counts("ann", "n1", at(3))).network == 0);
    must(store.forget("ann", "n1"));
    BOOST_TEST(must(store.counts("ann", "n1", at(1))).pair == 0);
    BOOST_TEST(must(store.counts("ann", "n1", at(1))).network == 3);
    // The clock goes back by an hour: nobody is put off for what it counted before.
    BOOST_TEST(must(store.counts("ann", "n2", at(1 - 6))).pair == 0);
    BOOST_TEST(must(store.counts("ann", "n2", at(0))).pair == 1);
    must(store.count("eve", "n3", at(1000)));
    BOOST_TEST(must(store.drop_old(at(3), 100)) > 0);
    BOOST_TEST(must(store.drop_old(at(3), 100)) > 0);  // that of eve, whose clock was ahead
    BOOST_TEST(must(store.counts("eve", "n3", at(1000))).pair == 0);
    BOOST_TEST(must(store.counts("ann", "n2", at(1))).account == 0);
    return {};
  });
}

// Strangers choose the names, and have as many networks as they like.
BOOST_AUTO_TEST_CASE(guesses_with_ever_new_names_fill_no_table_and_flush_no_count) {
  TempDatabase database;
  constexpr std::int64_t kKeys = 300;
  constexpr int kStrangers = 2000;
  const auto rows = [](Connection& c) {
    return must(sql::number(c, 0, "SELECT COUNT(*) FROM login_failure"));
  };
  const auto guess = [](LoginFailureStore& store, int i) {
    must(store.count("name" + std::to_string(i), "net" + std::to_string(i), kNow));
  };
  commit(*database, [&](Connection& c) -> Result<void> {
    LoginFailureStore store(c, kKeys);
    for (int i = 0; i < 9; ++i) must(store.count("ann", "n1", kNow));
    std::int64_t most = 0;
    for (int i = 0; i < kStrangers / 4; ++i) {
      guess(store, i);
      most = std::max(most, rows(c));
    }
    BOOST_TEST(most <= kKeys + 3 + 2);  // of one guess, and of the slot itself
    // Who failed often is kept.
    auto counts = must(store.counts("ann", "n1", kNow));
    BOOST_TEST(counts.pair == 9);
    BOOST_TEST(counts.network == 9);
    BOOST_TEST(counts.account == 9);
    BOOST_TEST(counts.pair_dropped == 0);
    for (int i = kStrangers / 4; i < kStrangers; ++i) guess(store, i);
    BOOST_TEST(rows(c) <= kKeys + 3 + 2);
    counts = must(store.counts("ann", "n1", kNow));
    BOOST_TEST(counts.pair + counts.pair_dropped >= 9);
    BOOST_TEST(counts.network + counts.network_dropped >= 9);
    BOOST_TEST(counts.account >= 9);
    // What is counted from now on begins where what was dropped may have ended.
    must(store.count("ann", "n1", kNow));
    BOOST_TEST(must(store.counts("ann", "n1", kNow)).pair >= 10);
    const auto slot_later = must(store.counts("ann", "n1", kNow + std::chrono::minutes(30)));
    BOOST_TEST(slot_later.pair + slot_later.pair_dropped == 0);
    return {};
  });
}

// A program that remembers its password at last, again and again: its rows are gone, and those of others need not go.
BOOST_AUTO_TEST_CASE(what_is_forgotten_takes_no_room) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    LoginFailureStore store(c, 300);
    for (int i = 0; i < 1000; ++i) {
      must(store.count("ann", "n" + std::to_string(i % 50), kNow));
      must(store.forget("ann", "n" + std::to_string(i % 50)));
    }
    const auto counts = must(store.counts("ann", "n0", kNow));
    BOOST_TEST(counts.account == 1000);
    BOOST_TEST(counts.network == 20);
    BOOST_TEST(counts.pair_dropped == 0);
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
