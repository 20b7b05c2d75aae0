// What only the MariaDB engine does; its stores are tested by the same cases as SQLite's (test_storage run beside a
// server). Needs ESSAIM_TEST_MARIADB.
#include <atomic>
#include <future>
#include <thread>

#include "core/base/log.h"
#include "storage/fault.h"
#include "storage/held_store.h"
#include "storage/mariadb/host_choice.h"
#include "storage/mariadb/mariadb_url.h"
#include "storage/post_again.h"
#include "storage/schema.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/server_port.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

struct Unarm {
  ~Unarm() { FaultPlan::disarm(); }
};

std::string get(Database& database, const std::string& name) {
  std::string value;
  must(database.read_now([&](Connection& c) -> Result<void> {
    auto found = SiteStore(c).get(name);
    if (!found.ok()) return found.error();
    value = found->value_or("none");
    return {};
  }));
  return value;
}

std::int64_t number(Connection& c, const std::string& sql) {
  return must(sql::number(c, 0, sql));
}

// By this connection so far.
std::int64_t rows_read(Connection& c) {
  return number(c,
                "SELECT CAST(variable_value AS SIGNED) FROM information_schema.session_status WHERE "
                "variable_name = 'Rows_read'");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mariadb)

BOOST_AUTO_TEST_CASE(urls_are_read_or_refused_with_the_reason) {
  const auto url =
      must(parse_mariadb_url("mariadb://essaim@db1,[2001:db8::1]:3307,127.0.0.1/lists?timeout=5"));
  BOOST_TEST(url.user == "essaim");
  BOOST_REQUIRE(url.hosts.size() == 3U);
  BOOST_TEST(url.hosts[0].port == 3306);
  BOOST_TEST(url.hosts[1].name == "2001:db8::1");
  BOOST_TEST(url.hosts[1].port == 3307);
  BOOST_TEST(url.timeout == 5);
  BOOST_TEST((url.tls == MariadbTls::kOn));
  BOOST_TEST((must(parse_mariadb_url("mariadb://e@127.0.0.1/x")).tls == MariadbTls::kOff));
  BOOST_TEST(must(parse_mariadb_url("mariadb://e@/x?socket=/run/s")).socket == "/run/s");
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"mariadb://db1/x", "no user"},
      {"mariadb://a:secret@db1/x", "password"},
      {"mariadb://a@db1", "no database"},
      {"mariadb://a@/x", "hosts or a socket"},
      {"mariadb://a@db1/x?socket=/s", "hosts or a socket"},
      {"mariadb://a@db1:0/x", "not a port"},
      {"mariadb://a@db1:70000/x", "not a port"},
      {"mariadb://a@db1,/x", "',' at the end"},
      {"mariadb://a@[host]/x", "not an IPv6 address"},
      {"mariadb://a@db 1/x", "not a host name"},
      {"mariadb://a@db1/x;drop", "not a database name"},
      {"mariadb://a@db1/x?tls=maybe", "off, on or verify"},
      {"mariadb://a@db1/x?tls=verify", "needs ca"},
      {"mariadb://a@db1/x?colour=red", "unknown option 'colour'"},
      {"mysql://a@db1/x", "does not begin"},
  };
  for (const auto& [text, reason] : rows) {
    const auto result = parse_mariadb_url(text);
    BOOST_REQUIRE_MESSAGE(!result.ok(), text);
    BOOST_TEST((result.error().code == ErrorCode::kInvalid));
    BOOST_TEST(result.error().message.find(reason) != std::string::npos,
               text << ": " << result.error().message);
  }
}

BOOST_AUTO_TEST_CASE(a_host_that_is_dead_is_passed_over_and_none_at_all_is_an_error_with_their_names) {
  DatabaseOptions options;
  options.url = "mariadb://root@127.0.0.1:1,127.0.0.1:2/mysql?timeout=2";
  const auto none = Database::open(options);
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::kIo));
  const std::size_t first = none.error().message.find("127.0.0.1:1:");
  BOOST_TEST(none.error().message.find("127.0.0.1:2:", first) != std::string::npos, none.error().message);
}

BOOST_AUTO_TEST_CASE(a_host_that_failed_of_late_is_the_last_to_be_tried) {
  using namespace std::chrono_literals;
  using Hosts = std::vector<std::size_t>;
  const auto now = HostChoice::Time{} + 1h;
  HostChoice choice(3);
  BOOST_TEST(choice.order(now) == (Hosts{0, 1, 2}), boost::test_tools::per_element());
  choice.received(1);
  BOOST_TEST(choice.order(now) == (Hosts{1, 2, 0}), boost::test_tools::per_element());
  BOOST_TEST(choice.failed(1, now));
  BOOST_TEST(choice.order(now + 29s) == (Hosts{2, 0, 1}), boost::test_tools::per_element());
  choice.failed(2, now + 10s);
  choice.failed(0, now + 5s);
  BOOST_TEST(!choice.failed(0, now + 5s));  // no news
  BOOST_TEST(choice.order(now + 20s) == (Hosts{1, 0, 2}), boost::test_tools::per_element());
  BOOST_TEST(choice.order(now + 30s) == (Hosts{1, 0, 2}), boost::test_tools::per_element());
  BOOST_TEST(choice.order(now + 60s) == (Hosts{1, 2, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(behind_a_connection_that_failed_comes_another_host) {
  TempDatabase made;
  const auto url = must(parse_mariadb_url(made.url()));
  if (url.socket.empty()) return;  // beside a cluster
  ServerPort one(url.socket), other(url.socket);
  DatabaseOptions options;
  options.url = "mariadb://" + url.user + "@" + one.host() + "," + other.host() + "/" + url.database;
  options.readers = 1;
  auto database = must(Database::open(options));
  const int before = one.visits();
  BOOST_TEST(before > 0);
  BOOST_TEST(other.visits() == 0);
  int runs = 0;
  must(database->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
    if (runs++ == 0) {
      const auto id = number(c, "SELECT CONNECTION_ID()");
      static_cast<void>(made->write_now(
          Durability::kAccept, [id](Connection& k) { return k.execute("KILL " + std::to_string(id)); }));
    }
    return SiteStore(c).set("a", "1");
  }));
  BOOST_TEST(runs == 2);
  BOOST_TEST(one.visits() == before);
  BOOST_TEST(other.visits() == 1);
  BOOST_TEST(get(*database, "a") == "1");
}

BOOST_AUTO_TEST_CASE(a_read_behind_the_loss_of_its_connection_goes_to_another_host) {
  TempDatabase made;
  commit(*made, [](Connection& c) { return SiteStore(c).set("a", "1"); });
  const auto url = must(parse_mariadb_url(made.url()));
  if (url.socket.empty()) return;  // beside a cluster
  ServerPort one(url.socket), other(url.socket);
  DatabaseOptions options;
  options.url = "mariadb://" + url.user + "@" + one.host() + "," + other.host() + "/" + url.database;
  options.readers = 1;
  auto database = must(Database::open(options));
  std::int64_t reader = 0;
  must(database->read_now([&reader](Connection& c) -> Result<void> {
    reader = number(c, "SELECT CONNECTION_ID()");
    return {};
  }));
  commit(*made, [reader](Connection& c) { return c.execute("KILL " + std::to_string(reader)); });
  BOOST_TEST(get(*database, "a") == "1");
  BOOST_TEST(other.visits() == 1);
}

BOOST_AUTO_TEST_CASE(works_of_one_commit_fail_alone) {
  TempDatabase database;
  std::vector<std::future<Result<void>>> results;
  std::promise<void> hold;
  auto held = hold.get_future().share();
  database->write(
      Durability::kAccept,
      [held](Connection&) -> Result<void> {
        held.wait();
        return {};
      },
      [](Result<void>) {});
  for (int i = 0; i < 6; ++i) {
    auto done = std::make_shared<std::promise<Result<void>>>();
    results.push_back(done->get_future());
    database->write(
        Durability::kAccept,
        [i](Connection& c) -> Result<void> {
          // The third and the fifth take a key that is there.
          return sql::run(c, "INSERT INTO site_value (name, value) VALUES (?, ?)",
                          i == 2 || i == 4 ? "n0" : "n" + std::to_string(i), sql::Blob{"v"})
                         .ok()
                     ? Result<void>()
                     : Result<void>(Error{ErrorCode::kExists, "taken"});
        },
        [done](Result<void> r) { done->set_value(std::move(r)); });
  }
  const auto before = database->counters();
  hold.set_value();
  for (int i = 0; i < 6; ++i)
    BOOST_TEST(results[static_cast<std::size_t>(i)].get().ok() == (i != 2 && i != 4), "work " << i);
  BOOST_TEST(database->counters().commits - before.commits <= 2U);
  BOOST_TEST(get(*database, "n5") == "v");
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_lost_before_the_commit_costs_a_repeat_and_nothing_else) {
  TempDatabase database;
  std::atomic<int> runs{0};
  must(database->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(SiteStore(c).set("a", "1"));
    if (runs++ == 0) {
      const auto id = number(c, "SELECT CONNECTION_ID()");
      TempDatabase other;  // kills from outside
      static_cast<void>(other->write_now(
          Durability::kAccept, [id](Connection& k) { return k.execute("KILL " + std::to_string(id)); }));
    }
    return SiteStore(c).set("b", "2");
  }));
  BOOST_TEST(runs.load() == 2);
  BOOST_TEST(get(*database, "a") == "1");
  BOOST_TEST(get(*database, "b") == "2");
  BOOST_TEST(database->healthy());
}

BOOST_AUTO_TEST_CASE(a_commit_that_could_not_even_be_sent_is_not_said_to_be_stored) {
  TempDatabase database;
  const auto result = database->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(SiteStore(c).set("a", "1"));
    const auto id = number(c, "SELECT CONNECTION_ID()");
    TempDatabase other;  // kills from outside, and is gone again when the server has closed the connection
    return other->write_now(Durability::kAccept,
                            [id](Connection& k) { return k.execute("KILL " + std::to_string(id)); });
  });
  BOOST_TEST((code_of(result) == ErrorCode::kUnknownOutcome));
  BOOST_TEST(get(*database, "a") == "none");
  commit(*database, [](Connection& c) { return SiteStore(c).set("a", "2"); });
}

// As a takeover does first.
BOOST_AUTO_TEST_CASE(a_writer_that_is_silent_behind_a_lock_loses_it_though_it_has_changed_nothing) {
  using namespace std::chrono_literals;
  TempDatabase database;
  commit(*database, [](Connection& c) { return SiteStore(c).set("x", "0"); });
  DatabaseOptions options;
  options.url = database.url();
  options.idle_limit = 1s;
  auto frozen = must(Database::open(options));
  std::promise<void> locked, goes_on;
  std::atomic<int> runs{0};
  auto silent = std::async(std::launch::async, [&] {
    return frozen->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      auto row = sql::prepare(c, "SELECT name FROM site_value WHERE name = 'x' FOR UPDATE SKIP LOCKED");
      if (!row.ok()) return row.error();
      auto found = (*row)->step();
      if (!found.ok()) return found.error();
      if (runs++ == 0) {
        locked.set_value();
        goes_on.get_future().wait();
      }
      return SiteStore(c).set("y", "1");
    });
  });
  locked.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  commit(*database, [](Connection& c) { return SiteStore(c).set("x", "2"); });
  BOOST_TEST((std::chrono::steady_clock::now() - began < 6s));
  goes_on.set_value();
  must(silent.get());
  BOOST_TEST(runs.load() == 2);
  BOOST_TEST(get(*database, "y") == "1");
}

BOOST_AUTO_TEST_CASE(a_writer_that_is_silent_inside_a_transaction_loses_its_locks_and_runs_it_again) {
  using namespace std::chrono_literals;
  TempDatabase database;
  commit(*database, [](Connection& c) { return SiteStore(c).set("x", "0"); });
  DatabaseOptions options;
  options.url = database.url();
  options.idle_limit = 1s;
  auto frozen = must(Database::open(options));
  std::promise<void> locked, goes_on;
  std::atomic<int> runs{0};
  auto silent = std::async(std::launch::async, [&] {
    return frozen->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(SiteStore(c).set("x", "1"));
      if (runs++ == 0) {
        locked.set_value();
        goes_on.get_future().wait();
      }
      return SiteStore(c).set("y", "1");
    });
  });
  locked.get_future().wait();
  const auto began = std::chrono::steady_clock::now();
  commit(*database, [](Connection& c) { return SiteStore(c).set("x", "2"); });
  BOOST_TEST((std::chrono::steady_clock::now() - began < 6s));
  goes_on.set_value();
  must(silent.get());
  BOOST_TEST(runs.load() == 2);
  BOOST_TEST(get(*database, "x") == "1");
  BOOST_TEST(get(*database, "y") == "1");
}

BOOST_AUTO_TEST_CASE(
    a_transaction_that_was_lost_without_a_word_is_not_said_to_be_stored_and_nothing_of_it_is) {
  TempDatabase database;
  commit(*database, [](Connection& c) { return SiteStore(c).set("x", "0"); });
  std::atomic<int> runs{0};
  const auto lose = [&](int times) {
    return [&runs, times](Connection& c) -> Result<void> {
      ESSAIM_TRY(SiteStore(c).set("x", "1"));
      if (runs++ < times) ESSAIM_TRY(c.execute("ROLLBACK"));
      return SiteStore(c).set("y", "1");
    };
  };
  const auto lost = database->write_now(Durability::kAccept, lose(1'000));
  BOOST_TEST((code_of(lost) == ErrorCode::kTemporary));
  BOOST_TEST(get(*database, "x") == "0");
  BOOST_TEST(get(*database, "y") == "none");
  runs = 0;
  must(database->write_now(Durability::kAccept, lose(1)));
  BOOST_TEST(runs.load() == 2);
  BOOST_TEST(get(*database, "x") == "1");
  BOOST_TEST(get(*database, "y") == "1");
}

BOOST_AUTO_TEST_CASE(a_work_that_passes_over_the_loss_of_its_transaction_is_not_said_to_be_stored) {
  TempDatabase database;
  DatabaseOptions options;
  options.url = database.url();
  auto holder = must(Database::open(options));
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(SiteStore(c).set("x", "0"));
    return SiteStore(c).set("y", "0");
  });
  // As in a deadlock, but the one that is ended goes on as if nothing had been.
  std::atomic<int> ready{0}, runs{0};
  const auto take = [&](const char* first, const char* then) {
    return [&, first, then](Connection& c) -> Result<void> {
      ++runs;
      ESSAIM_TRY(sql::run(c, "UPDATE site_value SET value = CONCAT(value, '1') WHERE name = ?", first));
      ++ready;
      while (ready < 2) std::this_thread::yield();
      static_cast<void>(
          sql::run(c, "UPDATE site_value SET value = CONCAT(value, '1') WHERE name = ?", then).ok());
      return {};
    };
  };
  auto other =
      std::async(std::launch::async, [&] { return holder->write_now(Durability::kAccept, take("y", "x")); });
  must(database->write_now(Durability::kAccept, take("x", "y")));
  must(other.get());
  BOOST_TEST(runs.load() >= 3);
  BOOST_TEST(get(*database, "x") == "011");
  BOOST_TEST(get(*database, "y") == "011");
}

BOOST_AUTO_TEST_CASE(a_deadlock_is_run_again_until_it_goes_through) {
  TempDatabase database;
  DatabaseOptions options;
  options.url = database.url();
  auto second = must(Database::open(options));
  commit(*database, [](Connection& c) -> Result<void> {
    ESSAIM_TRY(SiteStore(c).set("x", "0"));
    return SiteStore(c).set("y", "0");
  });
  // Each has one row and wants the other's: the server ends one of them.
  std::atomic<int> ready{0}, runs{0};
  const auto take = [&](const char* first, const char* then) {
    return [&, first, then](Connection& c) -> Result<void> {
      ++runs;
      ESSAIM_TRY(sql::run(c, "UPDATE site_value SET value = CONCAT(value, '1') WHERE name = ?", first));
      ++ready;
      while (ready < 2) std::this_thread::yield();
      ESSAIM_TRY(sql::run(c, "UPDATE site_value SET value = CONCAT(value, '1') WHERE name = ?", then));
      return {};
    };
  };
  auto other =
      std::async(std::launch::async, [&] { return second->write_now(Durability::kAccept, take("y", "x")); });
  must(database->write_now(Durability::kAccept, take("x", "y")));
  must(other.get());
  BOOST_TEST(runs.load() >= 3);
  BOOST_TEST(get(*database, "x") == "011");
  BOOST_TEST(get(*database, "y") == "011");
}

BOOST_AUTO_TEST_CASE(of_two_changes_at_once_the_second_reads_what_the_first_has_made) {
  TempDatabase database;
  DatabaseOptions options;
  options.url = database.url();
  auto second = must(Database::open(options));
  for (const std::string before : {"none", "none12"}) {  // the first changes at all make the lock
    std::promise<void> has_read;
    const auto append = [](Connection& c, const char* what) -> Result<void> {
      return SiteStore(c).set("list", must(SiteStore(c).get("list")).value_or("none") + what);
    };
    auto behind = std::async(std::launch::async, [&] {
      has_read.get_future().wait();
      return second->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
        ESSAIM_TRY(SiteStore(c).lock_changes());
        return append(c, "2");
      });
    });
    bool told = false;
    commit(*database, [&](Connection& c) -> Result<void> {
      ESSAIM_TRY(SiteStore(c).lock_changes());
      BOOST_TEST(must(SiteStore(c).get("list")).value_or("none") == before);
      if (!std::exchange(told, true)) has_read.set_value();
      std::this_thread::sleep_for(std::chrono::seconds(1));  // the other one waits
      return append(c, "1");
    });
    must(behind.get());
    BOOST_TEST(get(*database, "list") == before + "12");
  }
}

BOOST_AUTO_TEST_CASE(a_post_that_somebody_takes_up_again_is_not_settled_by_another_meanwhile) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2, "a.test"));
  auto batch = claim(*database, {1, 1}, 1).at(0);
  for (const std::size_t i : {0, 1}) settle(&batch, i, RecipientState::kFailed);
  batch.queue = BatchQueue::kFinished;
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 1}, batch); });
  DatabaseOptions options;
  options.url = database.url();
  auto second = must(Database::open(options));
  std::promise<void> taken;
  std::thread settles([&] {
    taken.get_future().wait();
    commit(*second, [](Connection& c) -> Result<void> {
      BOOST_TEST(settle_posts(c) == 0);
      return {};
    });
  });
  commit(*database, [&](Connection& c) -> Result<void> {
    BOOST_TEST(must(take_up_again(c, 1, kNow)));
    taken.set_value();
    std::this_thread::sleep_for(std::chrono::seconds(1));  // the other one has found it to be done, and waits
    settle(&batch, 0, RecipientState::kDeferred);
    batch.queue = BatchQueue::kReady;
    return BatchStore(c).save_unowned(batch);
  });
  settles.join();
  must(database->read_now([](Connection& c) -> Result<void> {
    BOOST_TEST(must(can_be_sent(c, 1)));
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(a_commit_whose_answer_is_lost_is_of_unknown_outcome_and_never_repeated) {
  TempDatabase database;
  const Unarm unarm;
  std::atomic<int> runs{0};
  FaultPlan::Plan plan;
  plan.where = FaultPlan::Where::kAfterCommit;
  FaultPlan::arm(plan);
  const auto result = database->write_now(Durability::kAccept, [&](Connection& c) {
    ++runs;
    return SiteStore(c).set("a", "1");
  });
  FaultPlan::disarm();
  BOOST_TEST((code_of(result) == ErrorCode::kUnknownOutcome));
  BOOST_TEST(runs.load() == 1);
  BOOST_TEST(get(*database, "a") == "1");
}

BOOST_AUTO_TEST_CASE(reads_see_one_snapshot) {
  TempDatabase database;
  commit(*database, [](Connection& c) { return SiteStore(c).set("a", "1"); });
  must(database->read_now([&](Connection& c) -> Result<void> {
    BOOST_TEST(must(SiteStore(c).get("a")).value() == "1");
    commit(*database, [](Connection& w) { return SiteStore(w).set("a", "2"); });
    BOOST_TEST(must(SiteStore(c).get("a")).value() == "1");
    BOOST_TEST(!SiteStore(c).set("a", "3").ok());  // a reader cannot write
    return {};
  }));
  BOOST_TEST(get(*database, "a") == "2");
}

BOOST_AUTO_TEST_CASE(to_take_away_who_left_does_not_read_who_stays) {
  TempDatabase database;
  make_list(*database);
  make_list(*database, kList + 1, "other");
  std::vector<MemberRecord> members;
  for (int i = 0; i < 4000; ++i) {
    members.push_back(member(100 + i, "u" + std::to_string(i), "a.test", 1));
    members.back().list_id = kList + i % 2;
  }
  commit(*database, [&](Connection& c) -> Result<void> {
    MemberStore store(c);
    must(store.add_new(members));
    for (const char* name : {"u10", "u20", "u30"})
      ESSAIM_TRY(store.remove(kList, Role::kMember, {name, "a.test"}, must(store.next_revision(kList))));
    return {};
  });
  // A server counts by itself some seconds after many rows have come, and goes by what it counted. Here by what makes the table
  // anew, which begins another transaction as changes of the schema do.
  commit(*database, [](Connection& c) { return c.execute("ALTER TABLE member FORCE"); });
  commit(*database, [](Connection& c) -> Result<void> {
    const auto before = rows_read(c);
    BOOST_TEST(purge_left(c) == 3);
    BOOST_TEST(rows_read(c) - before < 100);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(posts_that_wait_are_read_from_a_place_on) {
  TempDatabase database;
  commit(*database, [](Connection& c) -> Result<void> {
    for (Id id = 1; id <= 3000; ++id) {
      PostRecord one = post(id);
      one.expanded = true;
      ESSAIM_TRY(PostStore(c).add(one, "x"));
    }
    return {};
  });
  commit(*database, [](Connection& c) -> Result<void> {
    auto before = rows_read(c);
    const auto found = must(PostStore(c).settled(1000, 100, WallTime::max()));
    BOOST_TEST(found.ids.size() == 100U);
    BOOST_TEST(found.last == 1100);
    BOOST_TEST(rows_read(c) - before < 500);
    before = rows_read(c);
    PlaceInPosts place{true, 1000};
    ListRevisions oldest;
    BOOST_TEST(must(MemberStore(c).read_waiting(&place, 100, &oldest)));
    BOOST_TEST(place.post_id == 1100);
    BOOST_TEST(rows_read(c) - before < 500);
    return {};
  });
}

// The messages of all that waits are far more than those of a list that went.
BOOST_AUTO_TEST_CASE(to_take_away_messages_of_a_list_that_went_does_not_read_those_that_wait) {
  TempDatabase database;
  make_list(*database);
  const std::string message(3000, 'm');
  commit(*database, [&](Connection& c) -> Result<void> {
    for (int i = 1; i <= 500; ++i) {
      HeldRecord held;
      held.id = i;
      held.list_id = i <= 3 ? kList : kList + 1;
      held.key = "key" + std::to_string(i);
      held.held = held.expires = kNow;
      ESSAIM_TRY(HeldStore(c).add(held, message));
    }
    return DirectoryStore(c).delete_list(kList, kNow, "eve@e.example");
  });
  commit(*database, [](Connection& c) -> Result<void> {
    const auto found = must(HeldStore(c).decided_with_message(10));
    BOOST_TEST(found.size() == 3U);
    const auto before = rows_read(c);
    BOOST_TEST(must(HeldStore(c).purge_messages(found)) == 2);
    BOOST_TEST(must(HeldStore(c).purge_messages(found)) == 1);
    BOOST_TEST(rows_read(c) - before < 30);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_sync_its_commits_is_refused) {
  TempDatabase database;
  must(database->check_settings());
  const auto set = [&](const char* value) {
    commit(*database, [value](Connection& c) {
      return c.execute(std::string("SET GLOBAL innodb_flush_log_at_trx_commit = ") + value);
    });
  };
  set("2");
  const auto checked = database->check_settings();
  set("1");
  BOOST_TEST((code_of(checked) == ErrorCode::kInvalid));
  BOOST_TEST(checked.error().message.find("innodb_flush_log_at_trx_commit is 2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_schema_step_that_stopped_in_its_middle_goes_on) {
  // Each statement of a step commits by itself here. The k-th one fails; then the next call ends the job. Making tables
  // is slow, so the k are spread.
  const Unarm unarm;
  for (int k = 2;; k += 9) {
    TempDatabase database;
    commit(*database, [](Connection& c) -> Result<void> {
      for (const char* table : {"meta", "site_value", "node", "domain", "list", "member", "post", "rendering",
                                "seen", "batch", "batch_state", "suspension", "job"})
        ESSAIM_TRY(c.execute(std::string("DROP TABLE ") + table));
      return {};
    });
    FaultPlan::Plan plan;
    plan.first = static_cast<std::uint64_t>(k);
    FaultPlan::arm(plan);
    const bool done = migrate(*database).ok();
    FaultPlan::disarm();
    must(migrate(*database));
    must(require_newest(*database));
    commit(*database, [](Connection& c) { return PostStore(c).add(post(1), "x", "y"); });
    if (done) break;
    BOOST_REQUIRE(k < 400);
  }
}

BOOST_AUTO_TEST_SUITE_END()
