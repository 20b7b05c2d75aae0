// Names that lists had before they were called otherwise.
#include "storage/directory_store.h"
#include "storage/node_store.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

using Names = std::vector<std::string>;

// The lists that are.
Names suspended(Database& database) {
  Names out;
  must(database.read_now([&out](Connection& c) -> Result<void> {
    for (const SuspensionRecord& one : must(SuspensionStore(c).all()))
      if (one.scope == SuspensionScope::kList) out.push_back(one.subject);
    return {};
  }));
  return out;
}

}  // namespace

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

// Posts that it keeps back would go out by its end.
BOOST_AUTO_TEST_CASE(the_suspension_of_a_list_ends_with_it_unless_posts_wait_for_it) {
  struct Row {
    const char* what;
    const char* waits_under;  // a post; null: none
    Names left;
  };
  const Row rows[] = {
      {"none", nullptr, {"other@lists.test"}},
      {"a post of another list", "other@lists.test", {"other@lists.test"}},
      {"a post", "bees@lists.test", {"bees@lists.test", "other@lists.test"}},
      {"a post under the former name", "dev@lists.test", {"dev@lists.test", "other@lists.test"}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      TempDatabase database;
      make_list(*database);
      if (row.waits_under != nullptr) {
        auto waiting = post(1);
        waiting.list_address = row.waits_under;
        make_post(*database, waiting, people(2, "a.test"));
      }
      commit(*database, [&](Connection& c) -> Result<void> {
        DirectoryStore store(c);
        SuspensionStore suspensions(c);
        ESSAIM_TRY(store.rename_list(kList, "bees"));
        for (const char* name : {"dev@lists.test", "bees@lists.test", "other@lists.test"})
          ESSAIM_TRY(suspensions.suspend({name, "storm", kNow, {}, SuspensionScope::kList}));
        // Of the same name, but no list.
        ESSAIM_TRY(suspensions.suspend({"a.test", "storm", kNow, {}, SuspensionScope::kDestination}));
        return {};
      });
      commit(*database,
             [](Connection& c) { return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example"); });
      BOOST_TEST(suspended(*database) == row.left, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_post_that_is_finished_keeps_no_suspension_and_a_new_list_ends_it) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(1, "a.test"));
  commit(*database, [](Connection& c) {
    return SuspensionStore(c).suspend({"dev@lists.test", "storm", kNow, {}, SuspensionScope::kList});
  });
  commit(*database,
         [](Connection& c) { return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example"); });
  const Names both = {"dev@lists.test"};
  BOOST_TEST(suspended(*database) == both, boost::test_tools::per_element());
  make_list(*database, kList + 1);
  BOOST_TEST(suspended(*database) == both, boost::test_tools::per_element());
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(DirectoryStore(c).delete_list(kList + 1, kNow, "eve@e.example"));
    // Nothing has settled it yet.
    ESSAIM_TRY(sql::run(c, "UPDATE batch_state SET queue = 0 WHERE post_id = 1"));
    return {};
  });
  BOOST_TEST(suspended(*database) == both, boost::test_tools::per_element());
  make_list(*database, kList + 2);
  BOOST_TEST(suspended(*database).empty());
}

BOOST_AUTO_TEST_CASE(
    a_list_that_is_renamed_ends_the_suspension_of_an_earlier_one_of_the_name_unless_posts_wait) {
  for (const bool waits : {false, true}) {
    TempDatabase database;
    make_list(*database);
    auto waiting = post(1);
    waiting.list_address = "bees@lists.test";
    if (waits) make_post(*database, waiting, people(1, "a.test"));
    commit(*database, [](Connection& c) -> Result<void> {
      ESSAIM_TRY(SuspensionStore(c).suspend({"bees@lists.test", "storm", kNow, {}, SuspensionScope::kList}));
      return DirectoryStore(c).rename_list(kList, "bees");
    });
    const Names left = waits ? Names{"bees@lists.test"} : Names{};
    BOOST_TEST(suspended(*database) == left, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()
