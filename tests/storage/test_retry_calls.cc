#include "storage/directory_store.h"
#include "storage/retry_calls.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(retry_calls)

BOOST_AUTO_TEST_CASE(calls_for_a_retry_are_heard_once_by_each_node) {
  TempDatabase database;
  const auto call = [&](const std::string& domain) {
    commit(*database, [&](Connection& c) { return call_for_retry(c, domain); });
  };
  const auto since = [&](std::int64_t seen) {
    RetryCalls calls;
    commit(*database, [&](Connection& c) -> Result<void> {
      calls = retry_calls_since(must(SiteStore(c).get(kRetryCallsValue)).value_or(""), seen);
      return {};
    });
    return calls;
  };
  BOOST_TEST(since(0).last == 0);
  BOOST_TEST(!since(0).all);
  call("a.example");
  call("B.Example");
  BOOST_TEST((since(0).domains == std::vector<std::string>{"a.example", "b.example"}));
  BOOST_TEST((since(1).domains == std::vector<std::string>{"b.example"}));
  BOOST_TEST(since(2).domains.empty());
  BOOST_TEST(!since(2).all);
  call("");
  BOOST_TEST(since(2).all);
  BOOST_TEST(since(2).last == 3);
  for (int i = 0; i < 16; ++i) call("c.example");
  BOOST_TEST(!since(3).all);
  BOOST_TEST(since(2).all, "one that is not there any more may have been for all");
  BOOST_TEST(since(3).last == 19);
  BOOST_TEST(since(3).domains.size() == 16u);
  call(
      "B\xc3\xbc"
      "cher.example");
  BOOST_TEST((since(19).domains == std::vector<std::string>{"xn--bcher-kva.example"}));
}

BOOST_AUTO_TEST_SUITE_END()
