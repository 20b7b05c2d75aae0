#include "storage/account_store.h"
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

BOOST_AUTO_TEST_SUITE_END()
