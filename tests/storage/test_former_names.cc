// Names that lists had before they were called otherwise.
#include "storage/directory_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(former_names)

BOOST_AUTO_TEST_CASE(a_list_keeps_the_names_that_it_had_while_nothing_else_has_them) {
  TempDatabase database;
  make_list(*database);
  commit(*database, [&](Connection& c) -> Result<void> {
    DirectoryStore store(c);
    ESSAIM_TRY(store.add_domain({21, "team.test", {}, kNow}));
    ESSAIM_TRY(store.add_domain({22, "team.test.example", {}, kNow}));
    const auto before = must(store.find_list_by_id(kList)).value();
    const auto named = [&](const char* local, const char* domain) {
      const auto list = must(store.find_list_or_former(local, domain));
      return list ? list->address() : "";
    };
    const auto former = [&] {
      std::string out;
      for (const std::string& name : must(store.former_names(kList))) out += name + " ";
      return out;
    };
    BOOST_TEST(former() == "");
    ESSAIM_TRY(store.rename_list(kList, "dev", 21));
    BOOST_TEST(must(store.revision_if_same(before)) == 0);  // decided by the settings of another domain
    ESSAIM_TRY(store.rename_list(kList, "team"));
    ESSAIM_TRY(store.rename_list(kList, "team"));
    ESSAIM_TRY(store.rename_list(kList, "team", 22));
    BOOST_TEST(former() == "dev@lists.test dev@team.test team@team.test ");
    BOOST_TEST(named("dev", "lists.test") == "team@team.test.example");
    BOOST_TEST(named("team", "team.test") == "team@team.test.example");
    BOOST_TEST(!must(store.find_list("team", "team.test")).has_value());
    BOOST_TEST(named("team", "lists.test") == "");
    auto other = before;
    other.id = 30;
    ESSAIM_TRY(store.add_list(other));
    BOOST_TEST(named("dev", "lists.test") == "dev@lists.test");
    ESSAIM_TRY(store.delete_list(30, kNow, "eve@e.example"));
    BOOST_TEST(named("dev", "lists.test") == "");
    BOOST_TEST(must(store.forget_name("dev", "team.test")));
    BOOST_TEST(!must(store.forget_name("dev", "team.test")));
    ESSAIM_TRY(store.rename_list(kList, "bees", kDomain));
    BOOST_TEST(former() == "team@team.test.example team@team.test ");
    const auto all = must(store.all_former_names());
    BOOST_TEST(all.size() == 1U);
    BOOST_TEST(all.at(kList) == (std::vector<std::string>{"team@team.test.example", "team@team.test"}),
               boost::test_tools::per_element());
    ESSAIM_TRY(store.add_former_name(kList, "old", "lists.test"));
    BOOST_TEST(named("old", "lists.test") == "bees@lists.test");
    BOOST_TEST(must(store.forget_name("old", "lists.test")));
    ESSAIM_TRY(store.delete_domain("team.test"));
    BOOST_TEST(former() == "team@team.test.example ");
    ESSAIM_TRY(store.delete_list(kList, kNow, "eve@e.example"));
    BOOST_TEST(former() == "");
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
