#include "storage/schema.h"
#include "storage/sql.h"
#include "storage/unsettled_keys.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(stores)

BOOST_AUTO_TEST_CASE(the_schema_is_made_once_and_a_newer_one_is_refused) {
  TempDatabase database;
  BOOST_TEST(must(schema_version(*database)) == newest_schema_version());
  must(migrate(*database));
  must(require_newest(*database));
  commit(*database, [](Connection& c) { return c.execute("UPDATE meta SET value = value + 100"); });
  BOOST_TEST((code_of(require_newest(*database)) == ErrorCode::kInvalid));
  BOOST_TEST((code_of(migrate(*database)) == ErrorCode::kInvalid));
}

BOOST_AUTO_TEST_CASE(a_newer_schema_that_says_it_only_added_is_worked_with) {
  TempDatabase database;
  commit(*database, [](Connection& c) {
    return c.execute("UPDATE meta SET value = value + 3 WHERE name = 'schema-version'");
  });
  must(require_newest(*database));
  must(migrate(*database));
  BOOST_TEST(must(schema_version(*database)) == newest_schema_version() + 3);
}

BOOST_AUTO_TEST_CASE(an_empty_database_must_be_migrated_before_use) {
  TempDir directory;
  DatabaseOptions options;
  options.url = "sqlite:" + directory.path("new.db");
  BOOST_TEST((Database::open(options).error().code == ErrorCode::kNotFound));
  options.create = true;
  auto database = must(Database::open(options));
  BOOST_TEST(must(schema_version(*database)) == 0);
  BOOST_TEST((code_of(require_newest(*database)) == ErrorCode::kInvalid));
  must(migrate(*database));
  must(require_newest(*database));
}

BOOST_AUTO_TEST_CASE(an_older_database_is_brought_on_with_what_it_holds) {
  TempDir directory;
  DatabaseOptions options;
  options.url = "sqlite:" + directory.path("old.db");
  options.create = true;
  auto database = must(Database::open(options));
  must(migrate(*database, 1));
  BOOST_TEST((code_of(require_newest(*database)) == ErrorCode::kInvalid));
  commit(*database, [](Connection& c) {
    return c.execute(
        "INSERT INTO suspension VALUES ('a.test', 'because', 7, 9);"
        "INSERT INTO rendering VALUES (5, 0, x'61'), (5, 1, x'62'), (6, 0, x'63')");
  });
  must(migrate(*database));
  must(require_newest(*database));
  commit(*database, [](Connection& c) -> Result<void> {
    const auto suspensions = must(SuspensionStore(c).all());
    BOOST_REQUIRE(suspensions.size() == 1U);
    BOOST_TEST(suspensions[0].subject == "a.test");
    BOOST_TEST((suspensions[0].until == from_millis(9)));
    BOOST_TEST((suspensions[0].scope == SuspensionScope::kDestination));
    BOOST_TEST(must(PostStore(c).rendering(5)) == "ab");
    BOOST_TEST(must(PostStore(c).rendering(6)) == "c");
    ESSAIM_TRY(PostStore(c).add(post(7), "d"));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_post_keeps_its_7_bit_form_what_its_sender_asked_for_and_its_reports) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    PostStore posts(c);
    PostRecord p = post(1);
    p.smtputf8 = true;
    p.tls = TlsRequest::kRequired;
    p.target = "dev-owner@lists.test";
    p.account = "ann";
    p.dsn = {"HDRS", "id+2B1", "SUCCESS,FAILURE", "rfc822;a@x.test"};
    const std::string ascii(300 << 10, 'a');
    ESSAIM_TRY(posts.add(p, "\xc3\xa9", ascii));
    const auto found = must(posts.find(1)).value();
    BOOST_TEST(found.smtputf8);
    BOOST_TEST((found.tls == TlsRequest::kRequired));
    BOOST_TEST(found.target == p.target);
    BOOST_TEST(found.account == "ann");
    BOOST_TEST((found.dsn == p.dsn));
    BOOST_TEST(must(posts.rendering(1)) == "\xc3\xa9");
    BOOST_TEST((must(posts.rendering(1, Form::kSevenBit)) == ascii));
    ESSAIM_TRY(posts.add(post(2), "plain"));
    BOOST_TEST(must(posts.rendering(2, Form::kSevenBit)).empty());
    BOOST_TEST(must(posts.begin_report(1, Report::kDelayed)));
    BOOST_TEST(!must(posts.begin_report(1, Report::kDelayed)));
    BOOST_TEST(must(posts.begin_report(1, Report::kFailed)));
    BOOST_TEST(must(posts.find(1))->reports == 3);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(domains_and_lists_are_kept_with_their_settings) {
  TempDatabase database;
  make_list(*database);
  const std::map<std::string, std::string> odd = {{"subject-tag", "[\"dev\"]"},
                                                  {"footer", "a\nb\\c\t\xc3\xa9 ' ; --"}};
  commit(*database, [&](Connection& c) -> Result<void> {
    DirectoryStore store(c);
    ESSAIM_TRY(store.set_list(kList, odd));
    ESSAIM_TRY(store.set_list_state(kList, ListState::kClosed));
    const auto list = must(store.find_list("dev", "lists.test")).value();
    BOOST_TEST((list.settings == odd));
    BOOST_TEST(list.domain_settings.at("footer") == "hi");
    BOOST_TEST((list.state == ListState::kClosed));
    BOOST_TEST(list.revision == 1);
    BOOST_TEST(must(store.revision_if_same(list)) == 1);
    auto other = list;
    other.state = ListState::kOpen;
    BOOST_TEST(must(store.revision_if_same(other)) == 0);
    ESSAIM_TRY(store.set_domain("lists.test", {{"footer", "ho"}}));
    BOOST_TEST(must(store.revision_if_same(list)) == 0);
    ESSAIM_TRY(store.set_domain("lists.test", {{"footer", "hi"}}));
    BOOST_TEST(must(MemberStore(c).next_revision(kList)) == 2);
    BOOST_TEST(must(store.revision_if_same(list)) == 2);
    ESSAIM_TRY(store.set_list(kList, {}));
    BOOST_TEST(must(store.revision_if_same(list)) == 0);
    BOOST_TEST(!must(store.find_list("dev", "other.test")).has_value());
    BOOST_TEST(must(store.find_list_by_id(kList)).has_value());
    BOOST_TEST(must(store.lists("")).size() == 1U);
    BOOST_TEST(must(store.lists("other.test")).empty());
    BOOST_TEST((code_of(store.delete_domain("lists.test")) == ErrorCode::kConflict));
    BOOST_TEST((code_of(store.delete_domain("no.test")) == ErrorCode::kNotFound));
    BOOST_TEST((code_of(store.set_domain("no.test", {})) == ErrorCode::kNotFound));
    BOOST_TEST((code_of(store.add_domain({99, "lists.test", {}, kNow})) == ErrorCode::kExists));
    BOOST_TEST((code_of(store.add_list(list)) == ErrorCode::kExists));
    ESSAIM_TRY(store.delete_list(kList, kNow, "eve@e.example"));
    BOOST_TEST(must(store.revision_if_same(list)) == 0);
    BOOST_TEST((code_of(store.delete_list(kList, kNow, "eve@e.example")) == ErrorCode::kNotFound));
    ESSAIM_TRY(store.delete_domain("lists.test"));
    BOOST_TEST(must(store.domains()).empty());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(site_values_are_octets) {
  TempDatabase database;
  const std::string key("\0\xff'\n", 4);
  commit(*database, [&](Connection& c) -> Result<void> {
    SiteStore store(c);
    BOOST_TEST(!must(store.get("mac-key")).has_value());
    ESSAIM_TRY(store.set("mac-key", "x"));
    ESSAIM_TRY(store.set("mac-key", key));
    BOOST_TEST(must(store.get("mac-key")).value() == key);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(members_are_the_same_person_in_any_case_and_leave_by_revision) {
  TempDatabase database;
  make_list(*database);
  const smtp::Address anna{"Anna", "a.test"}, lower{"anna", "a.test"};
  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    const auto joined = must(store.next_revision(kList));
    BOOST_TEST(joined == 2);
    ESSAIM_TRY(store.add(member(1, "Anna", "a.test", joined)));
    BOOST_TEST((code_of(store.add(member(2, "anna", "a.test", joined))) == ErrorCode::kExists));
    auto owner = member(3, "anna", "a.test", joined);
    owner.role = Role::kOwner;
    ESSAIM_TRY(store.add(owner));
    BOOST_TEST(must(store.find(kList, Role::kMember, lower)).value().local == "Anna");
    BOOST_TEST(must(store.roles(kList, lower)) == 3U);
    ESSAIM_TRY(store.set(kList, Role::kMember, anna, Reception::kNone, "Anna A."));
    BOOST_TEST(!must(store.find(kList, Role::kMember, lower)).value().has_mail());
    ESSAIM_TRY(store.record_bounce(1, "5.1.1", kNow));
    ESSAIM_TRY(store.record_bounce(777, "5.1.1", kNow));
    BOOST_TEST(must(store.find_by_id(1)).value().bounces == 1);
    BOOST_TEST(must(store.bouncing(kList, 1, kNow)).size() == 1U);
    BOOST_TEST(must(store.bouncing(kList, 2, kNow)).empty());
    BOOST_TEST(must(store.bouncing(kList, 1, kNow + std::chrono::seconds(1))).empty());
    BOOST_TEST(must(store.bouncing(999, 1, kNow)).empty());
    const auto left = must(store.next_revision(kList));
    ESSAIM_TRY(store.remove(kList, Role::kMember, lower, left));
    BOOST_TEST((code_of(store.remove(kList, Role::kMember, lower, left)) == ErrorCode::kNotFound));
    BOOST_TEST(!must(store.find(kList, Role::kMember, anna)).has_value());
    BOOST_TEST(must(store.bouncing(kList, 1, kNow)).empty());
    BOOST_TEST(must(store.roles(kList, anna)) == 2U);
    BOOST_TEST(must(store.roles(999, anna)) == 0U);
    BOOST_TEST(must(store.find_by_id(1)).value().left == left);
    BOOST_TEST((must(store.left_since(kList, joined)) == std::vector<MemberLeft>{{1, left}}));
    BOOST_TEST(must(store.left_since(kList, left)).empty());
    BOOST_TEST(must(store.count(kList, Role::kMember)) == 0);
    BOOST_TEST(must(store.count(kList, Role::kOwner)) == 1);
    ESSAIM_TRY(store.add(member(4, "anna", "a.test", must(store.next_revision(kList)))));
    BOOST_TEST(must(store.find(kList, Role::kMember, anna)).value().id == 4);
    BOOST_TEST(must(store.find(kList, Role::kMember, anna)).value().bounces == 0);
    BOOST_TEST((code_of(Result<void>(store.next_revision(999).error())) == ErrorCode::kNotFound));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(many_join_by_few_statements_and_those_who_are_members_stay_as_they_are) {
  TempDatabase database;
  make_list(*database);
  std::vector<MemberRecord> people;
  people.reserve(1000);
  for (int i = 0; i < 1000; ++i) people.push_back(member(100 + i, "u" + std::to_string(i), "x.test", 1));
  const auto before = database->counters().statements;
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(MemberStore(c).add_new(people)) == 1000U);
    return {};
  });
  // 15 of 64, then 32 and 8; the rest is the transaction.
  BOOST_TEST(database->counters().statements - before < 17U + 8U);

  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"u7", "x.test"}, must(store.next_revision(kList))));
    for (MemberRecord& one : people) one.id += 10'000;
    people.push_back(member(90'000, "new", "x.test", 2));
    people.push_back(member(90'001, "NEW", "x.test", 2));
    BOOST_TEST(must(store.add_new(people)) == 2U);
    BOOST_TEST(must(store.find(kList, Role::kMember, {"u6", "x.test"})).value().id == 106);
    BOOST_TEST(must(store.find(kList, Role::kMember, {"u7", "x.test"})).value().id == 10'107);
    BOOST_TEST(must(store.find(kList, Role::kMember, {"new", "x.test"})).value().id == 90'000);
    BOOST_TEST(must(store.count(kList, Role::kMember)) == 1001);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(those_who_left_stay_while_an_older_post_is_unfinished) {
  TempDatabase database;
  make_list(*database);
  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(store.add(member(1, "a", "a.test", 1)));
    ESSAIM_TRY(PostStore(c).add(post(5, 1), "x"));
    ESSAIM_TRY(store.remove(kList, Role::kMember, {"a", "a.test"}, must(store.next_revision(kList))));
    BOOST_TEST(purge_left(c) == 0);
    auto p = must(PostStore(c).find(5)).value();
    p.expanded = true;
    ESSAIM_TRY(PostStore(c).set_expansion(5, p));
    BOOST_TEST(settle_posts(c) == 1);
    BOOST_TEST(purge_left(c) == 1);
    BOOST_TEST(!must(store.find_by_id(1)).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(members_of_a_deleted_list_go_in_steps_when_no_post_needs_them) {
  constexpr Id kOther = 13;
  TempDatabase database;
  make_list(*database);
  make_list(*database, kOther, "other");
  std::vector<MemberRecord> people;
  people.reserve(1100);
  for (int i = 0; i < 1100; ++i) people.push_back(member(100 + i, "u" + std::to_string(i), "x.test", 1));
  MemberRecord owner = member(1, "owner", "x.test", 1), elsewhere = member(2, "u1", "x.test", 1),
               listmaster = member(3, "master", "x.test", 1);
  owner.role = Role::kOwner;
  elsewhere.list_id = kOther;
  listmaster.list_id = kDomain;
  listmaster.role = Role::kListmaster;
  people.insert(people.end(), {owner, elsewhere, listmaster});
  commit(*database, [&](Connection& c) -> Result<void> {
    must(MemberStore(c).add_new(people));
    ESSAIM_TRY(PostStore(c).add(post(5, 1), "x"));
    BOOST_TEST(must(MemberStore(c).deleted_lists()).empty());
    BOOST_TEST(must(MemberStore(c).purge_deleted_list(kList)) == 0);
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    MemberStore store(c);
    ESSAIM_TRY(DirectoryStore(c).delete_list(kList, kNow, "eve@e.example"));
    BOOST_TEST(must(store.deleted_lists()) == std::vector<Id>{kList}, boost::test_tools::per_element());
    // What was accepted goes to everybody who was a member then.
    auto accepted = must(PostStore(c).find(5)).value();
    ESSAIM_TRY(expand_members(c, &accepted, 1, 1000));
    BOOST_TEST(accepted.expanded);
    BOOST_TEST(accepted.recipients == 1100);
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(sql::run(c, "UPDATE post SET finished = ? WHERE id = 5", kNow));
    MemberStore store(c);
    BOOST_TEST(must(store.purge_deleted_list(kList)) == 1000);
    BOOST_TEST(must(store.purge_deleted_list(kList)) == 101);
    BOOST_TEST(must(store.purge_deleted_list(kList)) == 0);
    BOOST_TEST(must(store.deleted_lists()).empty());
    BOOST_TEST(must(store.find_by_id(2)).has_value());
    BOOST_TEST(must(store.find_by_id(3)).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(renderings_of_any_size_come_back_whole) {
  TempDatabase database;
  Id id = 1;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256 << 10},
                                 std::size_t{(256 << 10) + 1}, std::size_t{3 << 20}}) {
    std::string bytes(size, 'x');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(PostStore(c).add(post(id), bytes));
      BOOST_TEST((must(PostStore(c).rendering(id)) == bytes));
      return {};
    });
    BOOST_TEST((code_of(database->write_now(Durability::kAccept, [&](Connection& c) {
                  return PostStore(c).add(post(id), bytes);
                })) == ErrorCode::kExists));
    ++id;
  }
}

BOOST_AUTO_TEST_CASE(a_post_is_remembered_by_its_key_and_forgotten_in_time) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    PostStore store(c);
    const std::string key("k\0y", 3);
    BOOST_TEST(!must(store.remember(kList, key, 5, kNow)).has_value());
    BOOST_TEST(must(store.remember(kList, key, 6, kNow)).value() == 5);
    BOOST_TEST(!must(store.remember(kList + 1, key, 7, kNow)).has_value());
    must(store.forget(kList + 1, key, 5));
    BOOST_TEST(must(store.remember(kList + 1, key, 8, kNow)).value() == 7);
    must(store.forget(kList + 1, key, 7));
    must(store.forget(kList + 1, "other", 7));
    BOOST_TEST(!must(store.remember(kList + 1, key, 7, kNow)).has_value());
    BOOST_TEST(must(store.forget_seen(kNow, 10)) == 0);
    BOOST_TEST(must(store.forget_seen(kNow + std::chrono::milliseconds(1), 1)) == 1);
    BOOST_TEST(must(store.forget_seen(kNow + std::chrono::milliseconds(1), 10)) == 1);
    BOOST_TEST(!must(store.remember(kList, key, 8, kNow)).has_value());
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_long_key_is_another_one_than_what_begins_like_it) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    PostStore store(c);
    const std::string key(200, 'k');
    BOOST_TEST(!must(store.remember(kList, key + "1", 5, kNow)).has_value());
    BOOST_TEST(!must(store.remember(kList, key + "2", 6, kNow)).has_value());
    BOOST_TEST(must(store.remember_with_post(kList, key + "1", 7, kNow)).value() == 5);
    must(store.forget(kList, key + "2", 6));
    BOOST_TEST(!must(store.remember(kList, key + "2", 8, kNow)).has_value());
    return {};
  });
}

// A post with its key in its row, and what comes again: as a post, or as something else that is remembered at once.
BOOST_AUTO_TEST_CASE(a_key_is_kept_with_its_post_until_it_is_settled) {
  TempDatabase database;
  const std::string key("k\0y", 3);
  const auto accept = [&](Connection& c, Id id) -> Result<std::optional<Id>> {
    auto first = PostStore(c).remember_with_post(kList, key, id, kNow);
    if (!first.ok() || first->has_value()) return first;
    PostRecord record = post(id);
    record.seen_key = key;
    record.expanded = true;
    ESSAIM_TRY(PostStore(c).add(record, "text"));
    return first;
  };
  // What is rolled back was never seen.
  const auto fails = [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(accept(c, 4)).has_value());
    return Error{ErrorCode::kConflict, "no"};
  };
  BOOST_TEST((code_of(database->write_now(Durability::kAccept, fails)) == ErrorCode::kConflict));
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(!must(accept(c, 5)).has_value());
    BOOST_TEST(must(accept(c, 6)).value() == 5);  // in the same transaction
    return {};
  });
  const auto is_known = [&](Id id) {
    commit(*database, [&](Connection& c) -> Result<void> {
      BOOST_TEST(must(accept(c, id)).value() == 5);
      BOOST_TEST(must(PostStore(c).remember(kList, key, id, kNow)).value() == 5);
      BOOST_TEST(!must(PostStore(c).remember_with_post(kList + id, key, id, kNow)).has_value());
      return {};
    });
  };
  const auto rows = [&](const std::string& table, const std::string& where) {
    std::int64_t number = 0;
    commit(*database, [&](Connection& c) -> Result<void> {
      number = must(sql::number(c, 0, "SELECT COUNT(*) FROM " + table + " WHERE " + where));
      return {};
    });
    return number;
  };
  is_known(7);
  BOOST_TEST(rows("seen", "list_id = " + std::to_string(kList)) == (TempDatabase::is_sqlite() ? 0 : 1));
  database.reopen();
  is_known(8);
  const auto settles = [&](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);
    return {};
  };
  const auto rolled_back = [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(settles(c));
    return Error{ErrorCode::kConflict, "no"};
  };
  BOOST_TEST((code_of(database->write_now(Durability::kProgress, rolled_back)) == ErrorCode::kConflict));
  commit(*database, settles);  // looks behind the one that was rolled back, which has settled nothing
  is_known(80);
  const auto remembered = [&] {
    std::size_t number = 0;
    commit(*database, [&](Connection& c) -> Result<void> {
      BOOST_TEST(must(PostStore(c).drop_finished(kNow, 10)) == 0);
      number = TempDatabase::is_sqlite() ? c.unsettled_keys()->size() : 1;
      return {};
    });
    return number;
  };
  BOOST_TEST(remembered() ==
             (TempDatabase::is_sqlite() ? 2U : 1U));  // in other lists, whose posts never came
  BOOST_TEST(rows("seen", "post_id = 5") == 1);
  BOOST_TEST(rows("post", "LENGTH(seen_key) > 0") == 0);
  is_known(9);
  database.reopen();
  is_known(10);
}

BOOST_AUTO_TEST_CASE(posts_are_found_by_what_people_know_of_them) {
  TempDatabase database;
  make_post(*database, post(1), people(2500, "a.test"));
  make_post(*database, post(2), people(2, "b.test"));
  auto other = post(3);
  other.list_address = "users@lists.test";
  other.author = "Boss@client.test";
  other.account = "ann";
  other.client = "Laptop.client.test [192.0.2.77]";
  make_post(*database, other, people(2, "ab.test"));
  const auto found = [&](const std::function<void(PostFilter*)>& set) {
    PostFilter filter;
    set(&filter);
    std::string ids;
    commit(*database, [&](Connection& c) -> Result<void> {
      ids.clear();
      for (const auto& p : must(PostStore(c).search(filter))) ids += std::to_string(p.id);
      return {};
    });
    return ids;
  };
  BOOST_TEST(found([](auto*) {}) == "321");
  BOOST_TEST(found([](auto* f) { f->limit = 2; }) == "32");
  BOOST_TEST(found([](auto* f) { f->list = "Dev@lists.test"; }) == "21");
  BOOST_TEST(found([](auto* f) { f->message_id = "m2@client.test"; }) == "2");
  BOOST_TEST(found([](auto* f) { f->message_id = "<m2@client.test>"; }) == "2");
  BOOST_TEST(found([](auto* f) { f->recipient = "u2499@A.test"; }) == "1");
  BOOST_TEST(found([](auto* f) { f->recipient = "u2500@a.test"; }) == "");
  BOOST_TEST(found([](auto* f) { f->recipient = "u_@b.test"; }) == "");
  BOOST_TEST(found([](auto* f) { f->domain = "b.test"; }) == "2");
  BOOST_TEST(found([](auto* f) { f->sender = "boss@client.test"; }) == "3");
  BOOST_TEST(found([](auto* f) { f->sender = "author@client.test"; }) == "321");
  BOOST_TEST(found([](auto* f) { f->account = "ann"; }) == "3");
  BOOST_TEST(found([](auto* f) { f->account = "an"; }) == "");
  BOOST_TEST(found([](auto* f) { f->client = "192.0.2.77"; }) == "3");
  BOOST_TEST(found([](auto* f) { f->client = "192.0.2.7"; }) == "");
  BOOST_TEST(found([](auto* f) { f->client = "laptop.client.test"; }) == "3");
  BOOST_TEST(found([](auto* f) { f->client = "client.test"; }).find('3') == std::string::npos);
  BOOST_TEST(found([](auto* f) { f->since = kNow + std::chrono::seconds(2); }) == "32");
  BOOST_TEST(found([](auto* f) { f->until = kNow + std::chrono::seconds(2); }) == "1");
  auto batch = claim(*database, {1, 1}, 10, {"a.test", "ab.test"}).at(0);
  settle(&batch, 0, RecipientState::kDelivered);
  settle(&batch, 1, RecipientState::kFailed);
  batch.queue = BatchQueue::kFinished;
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, batch); });
  BOOST_TEST(found([](auto* f) { f->unfinished = true; }) == "31");
  BOOST_TEST(found([](auto* f) { f->failed = true; }) == "2");
  // A settled one is found beside those that wait, in its place.
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(settle_posts(c) == 1);
    return {};
  });
  BOOST_TEST(found([](auto*) {}) == "321");
  BOOST_TEST(found([](auto* f) { f->limit = 2; }) == "32");
  BOOST_TEST(found([](auto* f) { f->message_id = "m2@client.test"; }) == "2");
  BOOST_TEST(found([](auto* f) { f->domain = "b.test"; }) == "2");
  BOOST_TEST(found([](auto* f) { f->since = kNow + std::chrono::seconds(2); }) == "32");
  BOOST_TEST(found([](auto* f) { f->unfinished = true; }) == "31");
  BOOST_TEST(found([](auto* f) { f->failed = true; }) == "2");
}

BOOST_AUTO_TEST_CASE(finished_posts_lose_the_rendering_first_and_the_ledger_in_time) {
  TempDatabase database;
  make_post(*database, post(1), people(2, "a.test"));
  make_post(*database, post(2), people(2, "b.test"), 1);
  auto batch = claim(*database, {1, 1}, 1).at(0);
  settle(&batch, 0, RecipientState::kDelivered, 10);
  settle(&batch, 1, RecipientState::kSuppressed, 20);
  batch.queue = BatchQueue::kFinished;
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(BatchStore(c).save({1, 1}, batch));
    PostStore store(c);
    const auto end = post(1).accepted + std::chrono::seconds(20);
    BOOST_TEST(settle_posts(c) == 1);
    BOOST_TEST((store.rendering(1).error().code == ErrorCode::kNotFound));
    BOOST_TEST(must(store.counts(1)).delivered == 1);
    BOOST_TEST(must(store.counts(1)).suppressed == 1);
    BOOST_TEST(must(store.counts(1)).accepted == 2);
    BOOST_TEST(must(store.drop_finished(end, 10)) == 0);
    BOOST_TEST(must(store.drop_finished(end + std::chrono::milliseconds(1), 10)) == 1);
    BOOST_TEST(!must(store.find(1)).has_value());
    BOOST_TEST(must(BatchStore(c).of_post(1, false)).empty());
    BOOST_TEST(must(store.rendering(2)) == "Subject: x\r\n\r\nbody\r\n");
    return {};
  });
}

BOOST_AUTO_TEST_CASE(what_waits_has_its_lifetime_anew) {
  using std::chrono::hours;
  TempDatabase database;
  PostRecord longer = post(3), later = post(4);
  longer.expires = longer.accepted + hours(24 * 40);
  later.expires = later.accepted + hours(24 * 90);  // renewed before
  for (const PostRecord& one : {post(1), post(2), longer, later})
    make_post(*database, one, people(1, "a.test"));
  auto batch = claim(*database, {1, 1}, 1).at(0);
  BOOST_TEST(batch.post_id == 1);
  settle(&batch, 0, RecipientState::kDelivered);
  batch.queue = BatchQueue::kFinished;
  const WallTime now = kNow + hours(24 * 50);
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(BatchStore(c).save({1, 1}, batch));
    PostStore store(c);
    BOOST_TEST(settle_posts(c) == 1);
    ESSAIM_TRY(store.renew_lifetimes(now));
    const auto expires = [&store](Id id) { return must(store.find(id))->expires; };
    BOOST_TEST((expires(1) == post(1).expires), "it is over");
    BOOST_TEST((expires(2) == now + hours(24)));
    BOOST_TEST((expires(3) == now + hours(24 * 30)), "the longest there is");
    BOOST_TEST((expires(4) == later.expires), "nothing is shortened");
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_node_has_one_number_and_a_new_epoch_at_each_start) {
  TempDatabase database;
  commit(*database, [&](Connection& c) -> Result<void> {
    NodeStore store(c);
    const auto a = must(store.begin_epoch("a", kNow)), b = must(store.begin_epoch("b", kNow)),
               again = must(store.begin_epoch("a", kNow));
    BOOST_TEST(a.number == 1);
    BOOST_TEST(b.number == 2);
    BOOST_TEST(again.number == 1);
    BOOST_TEST(again.epoch == a.epoch + 1);
    SuspensionStore suspensions(c);
    ESSAIM_TRY(suspensions.suspend({"a.test", "because", kNow, {}}));
    ESSAIM_TRY(suspensions.suspend({"a.test", "why not", kNow, kNow}));
    BOOST_REQUIRE(must(suspensions.all()).size() == 1U);
    BOOST_TEST(must(suspensions.all())[0].reason == "why not");
    ESSAIM_TRY(suspensions.suspend({"dev@a.test", "", kNow, {}, SuspensionScope::kList}));
    ESSAIM_TRY(suspensions.suspend({"", "", kNow, {}, SuspensionScope::kEverything}));
    BOOST_TEST(must(suspensions.all()).size() == 3U);
    ESSAIM_TRY(suspensions.resume("a.test"));
    BOOST_TEST((code_of(suspensions.resume("dev@a.test")) == ErrorCode::kNotFound));
    ESSAIM_TRY(suspensions.resume("dev@a.test", SuspensionScope::kList));
    BOOST_TEST((code_of(suspensions.resume("a.test")) == ErrorCode::kNotFound));
    return {};
  });
}

BOOST_AUTO_TEST_CASE(keys_are_there_once_and_keep_their_octets) {
  TempDatabase database;
  DkimKeyRecord key;
  key.domain = "lists.test";
  key.selector = "s1";
  key.algorithm = "ed25519-sha256";
  key.sealed = std::string("E1\0\xff\xfe'", 6);
  key.record = "v=DKIM1; p=" + std::string(600, 'A');
  key.created = key.changed = from_millis(1'790'000'000'000);
  DkimKeyRecord later = key;
  later.selector = "s0";
  later.created = key.created + std::chrono::seconds(1);
  commit(*database, [&](Connection& c) -> Result<void> {
    DkimStore store(c);
    must(store.add(later));
    must(store.add(key));
    BOOST_TEST((code_of(store.add(key)) == ErrorCode::kExists));
    return store.set_state("lists.test", "s1", DkimKeyState::kActive, later.created);
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    DkimStore store(c);
    BOOST_TEST(must(store.keys("other.test")).empty());
    const auto keys = must(store.keys("lists.test"));
    BOOST_REQUIRE(keys.size() == 2U);
    BOOST_TEST(keys[0].selector == "s1");  // by the time when it was made
    BOOST_TEST(keys[0].sealed == key.sealed);
    BOOST_TEST(keys[0].record == key.record);
    BOOST_TEST((keys[0].state == DkimKeyState::kActive));
    BOOST_TEST((keys[0].changed == later.created));
    BOOST_TEST((keys[1].state == DkimKeyState::kNew));
    must(store.remove("lists.test", "s0"));
    BOOST_TEST((code_of(store.remove("lists.test", "s0")) == ErrorCode::kNotFound));
    BOOST_TEST(
        (code_of(store.set_state("lists.test", "s0", DkimKeyState::kActive, {})) == ErrorCode::kNotFound));
    BOOST_TEST(!must(store.find("lists.test", "s0")).has_value());
    return {};
  });
}
BOOST_AUTO_TEST_SUITE_END()
