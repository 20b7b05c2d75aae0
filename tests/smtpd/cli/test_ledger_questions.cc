// What a postmaster asks when mail did not arrive: by a sender's domain, by words of the subject, by the time that an author tells; and
// what is said of somebody who is not among the recipients, and of a post that is not in the ledger.
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "storage/held_store.h"
#include "tests/smtpd/program.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using essaim::test::Program;
using Parsed = nlohmann::json;

namespace {

// One list with one post to it, accepted at 2026-11-22 18:52:04.
struct Ledger : Program {
  static constexpr Id kPost = 4711;
  Ledger() {
    ok({"domain", "create", "lists.example"});
    ok({"list", "create", "dev@lists.example", "--owner", "owner@people.example"});
    ok({"member", "add", "dev@lists.example", "ann@a.example", "off@a.example", "left@a.example"});
    ok({"member", "set", "dev@lists.example", "off@a.example", "delivery=off"});
    ok({"member", "remove", "dev@lists.example", "left@a.example"});
    const auto database = opened();
    auto post = test::post(kPost);
    list_id = must_list(*database).id;
    post.list_id = list_id;
    post.list_address = "dev@lists.example";
    post.list_revision = must_list(*database).revision;
    post.sender = "bounces@News.Uni.example";
    post.author = "Ada@uni.example";
    post.subject = "Übung on Monday";
    post.accepted = from_millis(1795373524000);
    post.expires = from_millis(4102444800000);  // in 2100
    storage::BatchRecipient ann;
    ann.local = "ann";
    ann.domain = "a.example";
    test::make_post(*database, post, {ann});
  }
  Outcome ok(const std::vector<std::string>& arguments) const {
    const Outcome o = run(arguments);
    BOOST_REQUIRE_MESSAGE(o.code == 0, arguments[0] << " " << arguments[1] << ": " << o.err);
    return o;
  }
  std::size_t found(std::vector<std::string> filter) const {
    filter.insert(filter.begin(), {"post", "find"});
    filter.emplace_back("--json");
    return Parsed::parse(ok(filter).out).size();
  }
  std::unique_ptr<storage::Database> opened() const {
    storage::DatabaseOptions options;
    options.url = "sqlite:" + directory.path("essaim.db");
    return test::must(storage::Database::open(options));
  }
  static storage::ListRecord must_list(storage::Database& database) {
    return *test::must(database.read_now(
        [](storage::Connection& c) { return storage::DirectoryStore(c).find_list("dev", "lists.example"); }));
  }
  void hold(Id id, storage::HeldState state) const {
    storage::HeldRecord held;
    held.id = id;
    held.state = state;
    held.key = "key" + std::to_string(id);
    held.list_id = list_id;
    held.list_address = "dev@lists.example";
    held.sender = held.author = "eve@private.example";
    held.message_id = "<" + std::to_string(id) + "@private.example>";
    held.subject = "From elsewhere";
    held.held = from_millis(1795373524000);
    held.decided_by = state == storage::HeldState::kRejected ? "mod@people.example" : "";
    const auto database = opened();
    test::must(database->write_now(storage::Durability::kProgress,
                                   [&](storage::Connection& c) { return storage::HeldStore(c).add(held); }));
  }
  Id list_id = 0;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(posts_are_found_by_a_domain_of_senders_and_by_words_of_the_subject, Ledger) {
  for (const char* sender : {"@uni.example", "@UNI.example", "@news.uni.example", "ada@uni.example"})
    BOOST_TEST(found({"--sender", sender}) == 1U, sender);
  for (const char* sender : {"@ni.example", "@example", "da@uni.example", "<>"})
    BOOST_TEST(found({"--sender", sender}) == 0U, sender);
  for (const char* subject : {"Übung", "ON MONDAY", "bung on"})
    BOOST_TEST(found({"--subject", subject}) == 1U, subject);
  BOOST_TEST(found({"--subject", "Monday on"}) == 0U);
  BOOST_TEST(found({"--recipient", "@a.example"}) == 1U);
  BOOST_TEST(found({"--recipient", "@b.example"}) == 0U);
}

BOOST_FIXTURE_TEST_CASE(the_queue_is_filtered_by_the_same, Ledger) {
  const auto concerned = [&](const std::string& option, const std::string& value) -> int {
    return Parsed::parse(ok({"queue", "delete", option, value, "--dry-run", "--json"}).out)["recipients"];
  };
  BOOST_TEST(concerned("--sender", "@uni.example") == 1);
  BOOST_TEST(concerned("--sender", "@other.example") == 0);
  BOOST_TEST(concerned("--subject", "monday") == 1);
  BOOST_TEST(concerned("--subject", "tuesday") == 0);
  BOOST_TEST(concerned("--recipient", "@a.example") == 1);
}

// Told to it in one request, which names what it asks for.
BOOST_FIXTURE_TEST_CASE(a_running_server_filters_its_queue_by_the_same, Ledger) {
  ok({"queue", "suspend", "--reason", "it is to wait"});
  BOOST_REQUIRE(serve() != 0);
  const auto changed = [&](const std::string& verb, const std::string& option,
                           const std::string& value) -> int {
    return Parsed::parse(ok({"queue", verb, option, value, "--json"}).out)["posts"];
  };
  BOOST_TEST(changed("hold", "--sender", "@other.example") == 0);
  BOOST_TEST(changed("hold", "--sender", "@uni.example") == 1);
  BOOST_TEST(changed("release", "--subject", "tuesday") == 0);
  BOOST_TEST(changed("release", "--subject", "monday") == 1);
}

// They would find nothing, as if there were nothing.
BOOST_FIXTURE_TEST_CASE(a_word_that_is_no_address_is_refused, Ledger) {
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"post", "find"}, {"queue", "list"}, {"queue", "delete"}, {"queue", "why"}}) {
    for (const char* option : {"--sender", "--list", "--recipient"}) {
      std::vector<std::string> words = verb;
      words.insert(words.end(), {option, "ada"});
      const Outcome o = run(words);
      BOOST_TEST_INFO(verb[0] << " " << verb[1] << " " << option);
      BOOST_TEST(o.code == 2);
      BOOST_TEST(has(o.err, std::string(option) + ": \"ada\" is n"), o.err);
    }
  }
  BOOST_TEST(has(ok({"post", "find", "--list", "dve@lists.example"}).out, "no list dve@lists.example"));
}

BOOST_FIXTURE_TEST_CASE(times_are_told_to_the_minute_and_with_their_zone, Ledger) {
  for (const char* since :
       {"2026-11-22 18:52", "2026-11-22T18:52", "2026-11-22T18:52Z", "2026-11-22 19:52+01:00",
        "2026-11-22T19:52:04+0100", "2026-11-22 11:52 -0700", "2026-11-22T18:52:04Z"})
    BOOST_TEST(found({"--since", since}) == 1U, since);
  for (const char* since : {"2026-11-22 18:53", "2026-11-22 18:52+00:00:00", "2026-11-22T18:52-01:00"}) {
    const Outcome o = run({"post", "find", "--since", since, "--json"});
    BOOST_TEST((o.code == 2 || Parsed::parse(o.out).empty()), since);
  }
}

BOOST_FIXTURE_TEST_CASE(who_asks_for_a_recipient_is_told_what_became_of_the_copy, Ledger) {
  const Parsed one = Parsed::parse(ok({"post", "find", "--recipient", "ann@a.example", "--json"}).out)[0];
  BOOST_TEST(one["recipient"]["recipient"] == "ann@a.example");
  BOOST_TEST(one["recipient"]["state"] == "pending");
  const std::string text = ok({"post", "find", "--recipient", "ann@a.example"}).out;
  BOOST_TEST(has(text, "STATE"), text);
  BOOST_TEST(has(text, "pending"), text);
}

// What an account sends elsewhere is a post for each recipient, and no list's.
BOOST_FIXTURE_TEST_CASE(to_whom_mail_that_is_passed_on_goes_is_shown, Ledger) {
  const Id relayed = kPost + 1;
  {
    const auto database = opened();
    auto post = test::post(relayed);
    post.kind = storage::PostKind::kForward;
    post.list_id = 0;
    post.list_address = "";
    post.target = "victim@v.example";
    post.account = "ann";
    post.expires = from_millis(4102444800000);
    test::make_post(*database, post, test::people(1, "v.example"));
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"post", "find", "--account", "ann"},
                                                {"post", "show", format_id(relayed)},
                                                {"queue", "list", "--account", "ann"},
                                                {"queue", "delete", "--account", "ann", "--dry-run"}}) {
    const std::string text = ok(words).out;
    BOOST_TEST(has(text, "victim@v.example"), text);
  }
  BOOST_TEST(Parsed::parse(ok({"post", "find", "--account", "ann", "--json"}).out)[0]["to"] ==
             "victim@v.example");
  BOOST_TEST(has(ok({"post", "find", "--sender", "@uni.example"}).out, "dev@lists.example"));
}

BOOST_FIXTURE_TEST_CASE(who_is_not_among_the_recipients_is_told_why, Ledger) {
  ok({"member", "add", "dev@lists.example", "new@a.example"});
  const auto why = [&](const std::string& address) {
    return ok({"post", "show", format_id(kPost), "--recipients", address}).out;
  };
  BOOST_TEST(has(why("off@a.example"), "recipients: a member of dev@lists.example with delivery off\n"));
  BOOST_TEST(has(why("Left@A.example"), "recipients: left dev@lists.example 20"), why("Left@A.example"));
  BOOST_TEST(has(why("left@a.example"), " (operator)\n"));
  BOOST_TEST(has(why("new@a.example"), "recipients: a member of dev@lists.example since 20"));
  BOOST_TEST(has(why("new@a.example"), ", later than the post\n"));
  BOOST_TEST(has(why("nobody@a.example"), "no member of dev@lists.example, at least by this address\n"));
  BOOST_TEST(has(why("owner@people.example"), "has a role, but is no member of dev@lists.example"));
  const Parsed json =
      Parsed::parse(ok({"post", "show", format_id(kPost), "--recipients", "off@a.example", "--json"}).out);
  BOOST_TEST(json["not_among"] == "a member of dev@lists.example with delivery off");
  BOOST_TEST(!has(why("ann@a.example"), "not among"));
}

// Its id was in the reply to its author, who tells it.
BOOST_FIXTURE_TEST_CASE(a_post_that_is_held_is_named_where_it_is_looked_for, Ledger) {
  hold(815, storage::HeldState::kWaiting);
  hold(816, storage::HeldState::kRejected);
  const std::string waits = format_id(815), rejected = format_id(816);
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"post", "show"},
                                               {"post", "explain"},
                                               {"queue", "show"},
                                               {"queue", "release"}}) {
    const Outcome o = run({verb[0], verb[1], waits});
    BOOST_TEST_INFO(verb[0] << " " << verb[1]);
    BOOST_TEST(o.code == 1);
    BOOST_TEST(has(o.err, "it waits for the moderators of dev@lists.example: essaim held show " + waits),
               o.err);
  }
  BOOST_TEST(has(run({"post", "show", rejected}).err, "was rejected by mod@people.example"));
  BOOST_TEST(has(run({"post", "show", format_id(817)}).err, "the log alone tells"));
  const std::string text = ok({"post", "find", "--sender", "@private.example"}).out;
  BOOST_TEST(has(text, "nothing found"), text);
  BOOST_TEST(has(text, "essaim held show " + waits), text);
  BOOST_TEST(has(text, "essaim held show " + rejected), text);
  BOOST_TEST(!has(ok({"post", "find", "--sender", "@uni.example"}).out, "essaim held"));
  const auto held = [&](const std::string& option, const std::string& value) {
    return Parsed::parse(ok({"held", "list", "--all", option, value, "--json"}).out).size();
  };
  BOOST_TEST(held("--sender", "@private.example") == 2U);
  BOOST_TEST(held("--sender", "@uni.example") == 0U);
  BOOST_TEST(held("--subject", "from ELSEWHERE") == 2U);
  BOOST_TEST(held("--message-id", "815@private.example") == 1U);
}
