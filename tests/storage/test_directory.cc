// Lists as they are read where there are many.
#include "storage/directory_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(directory)

BOOST_AUTO_TEST_CASE(many_lists_are_read_some_at_once_or_by_their_names_alone) {
  constexpr Id kMany = 1'203;
  TempDatabase database;
  make_list(*database);
  commit(*database, [](Connection& c) -> Result<void> {
    DirectoryStore store(c);
    ESSAIM_TRY(store.add_domain({21, "a.test", {{"footer", "ho"}}, kNow}));
    ESSAIM_TRY(store.add_domain({22, "none.test", {}, kNow}));
    ListRecord list;
    list.domain = "a.test";
    list.domain_id = 21;
    for (Id i = 0; i < kMany; ++i) {
      list.id = 1'000 + i;
      list.local = "l" + std::to_string(5'000 - i);
      list.settings = {{"description", list.local}};
      ESSAIM_TRY(store.add_list(list));
    }
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    DirectoryStore store(c);
    for (const char* domain : {"", "a.test", "lists.test", "none.test", "gone.test"}) {
      const auto all = must(store.lists(domain));
      const auto names = must(store.list_names(domain));
      BOOST_REQUIRE(names.size() == all.size());
      std::size_t at = 0;
      // Between two of them others may be read, also by the same statement.
      must(store.for_each_list(domain, [&](ListRecord& list) -> Result<void> {
        BOOST_REQUIRE(at < all.size());
        const auto found = must(store.some_lists(list.domain, "", 1));
        BOOST_TEST(found.size() == 1U);
        BOOST_TEST(list.id == all[at].id);
        BOOST_TEST((list.settings == all[at].settings));
        BOOST_TEST((list.domain_settings == all[at].domain_settings));
        BOOST_TEST(list.domain_settings.at("footer") == (list.domain == "a.test" ? "ho" : "hi"));
        BOOST_TEST(names[at].id == list.id);
        BOOST_TEST(names[at].address() == list.address());
        ++at;
        return {};
      }));
      BOOST_TEST(at == all.size());
      if (*domain != '\0') BOOST_TEST(must(store.count_lists(domain)) == static_cast<std::int64_t>(at));
    }
    BOOST_TEST(must(store.lists("")).size() == 1U + kMany);
    BOOST_TEST(must(store.list_names("a.test")).front().local == "l3798");
    const auto some = must(store.some_lists("a.test", "l4000", 3));
    BOOST_REQUIRE(some.size() == 3U);
    BOOST_TEST(some.front().local == "l4001");
    BOOST_TEST(some.back().local == "l4003");
    BOOST_TEST(must(store.some_lists("a.test", "l5000", 3)).empty());
    const auto ended = store.for_each_list("", [](ListRecord& list) -> Result<void> {
      return Error{ErrorCode::kConflict, list.address()};
    });
    BOOST_TEST((code_of(ended) == ErrorCode::kConflict));
    BOOST_TEST(ended.error().message == "l3798@a.test");
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
