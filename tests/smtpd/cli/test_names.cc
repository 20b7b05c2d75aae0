// Wherever a command takes a domain or an address, its domain may be typed in either form and any case of letters.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "tests/smtpd/program.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using essaim::test::Program;
using Parsed = nlohmann::json;

namespace {

struct Named : Program {
  Parsed json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const Outcome o = run(arguments);
    BOOST_REQUIRE_MESSAGE(o.code == 0, arguments[0] << " " << arguments[1] << ": " << o.err);
    return Parsed::parse(o.out);
  }
  bool changed(const std::vector<std::string>& arguments) const { return json(arguments)["changed"]; }
  // The database, beside the program.
  std::unique_ptr<storage::Database> opened() const {
    storage::DatabaseOptions options;
    options.url = "sqlite:" + directory.path("essaim.db");
    return test::must(storage::Database::open(options));
  }
  // One that waits.
  void add_post(const std::string& list_address) const {
    const auto database = opened();
    auto waiting = test::post(1);
    waiting.list_address = list_address;
    test::make_post(*database, waiting, test::people(1, "a.example"));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(keys_of_a_domain_are_found_by_either_form_of_its_name, Named) {
  const std::string secret = directory.write("secret", std::string(32, 's'));
  BOOST_REQUIRE(chmod(secret.c_str(), 0600) == 0);
  directory.write("essaim.toml",
                  essaim::test::read_file(config) + "[authentication]\nkey_file = \"" + secret + "\"\n");
  BOOST_TEST(changed({"domain", "create", "müller.example"}));
  json({"dkim", "create", "müller.example", "--selector", "s1", "--algorithm", "ed25519"});
  for (const char* same : {"müller.example", "Müller.Example", "xn--mller-kva.example"}) {
    BOOST_TEST(json({"dkim", "list", same}).size() == 1U, same);
    BOOST_TEST(run({"dkim", "show", same}).code == 0, same);
  }
  BOOST_TEST(changed({"dkim", "delete", "müller.example", "s1"}));
}

BOOST_FIXTURE_TEST_CASE(a_list_that_is_gone_is_resumed_by_either_form_of_its_name, Named) {
  BOOST_TEST(changed({"domain", "create", "müller.example"}));
  BOOST_TEST(changed({"list", "create", "dev@müller.example", "--owner", "owner@people.example"}));
  json({"list", "suspend", "dev@müller.example", "--reason", "storm"});
  // What waits goes on waiting, and whoever deletes the list is told so.
  add_post("dev@xn--mller-kva.example");
  const auto gone = run({"list", "delete", "dev@Müller.example"});
  BOOST_TEST(gone.code == 0);
  BOOST_TEST(gone.err.find("wait still: suspended by operator") != gone.err.npos, gone.err);
  BOOST_TEST(gone.err.find("essaim list resume dev@") != gone.err.npos, gone.err);
  BOOST_TEST(changed({"list", "resume", "Dev@Müller.example"}));
}

// A smart host that is set by its address: replies show that in brackets.
BOOST_FIXTURE_TEST_CASE(a_host_is_suspended_by_its_address, Named) {
  for (const std::string address : {"192.0.2.7", "2001:db8::7"}) {
    json({"destination", "suspend", "--mx", "[" + address + "]"});
    BOOST_TEST(json({"destination", "list"})["suspensions"][0]["destination"] == "mx " + address);
    json({"destination", "resume", "--mx", address});
    BOOST_TEST(json({"destination", "list"})["suspensions"].empty());
  }
}

BOOST_FIXTURE_TEST_CASE(a_suspension_ends_with_its_list, Named) {
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  BOOST_TEST(changed({"list", "create", "dev@lists.example", "--owner", "owner@people.example"}));
  const std::string without = run({"config", "export"}).out;
  for (const bool by_text : {false, true}) {
    BOOST_TEST(changed({"list", "create", "storm@lists.example", "--owner", "owner@people.example"}));
    json({"list", "suspend", "storm@lists.example", "--reason", "storm"});
    if (by_text) {
      BOOST_TEST(run({"config", "apply", directory.write("lists.toml", without), "--remove-others"}).code ==
                 0);
    } else {
      const auto gone = run({"list", "delete", "storm@lists.example"});
      BOOST_TEST(gone.code == 0);
      BOOST_TEST(gone.err.find("wait still") == gone.err.npos, gone.err);
    }
    BOOST_TEST(json({"destination", "list"})["suspensions"].empty());
  }
}

BOOST_FIXTURE_TEST_CASE(a_list_that_was_renamed_is_resumed_by_any_of_its_names_under_all, Named) {
  const auto suspended = [this] { return json({"destination", "list"})["suspensions"].size(); };
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  BOOST_TEST(changed({"list", "create", "dev@lists.example", "--owner", "owner@people.example"}));
  json({"list", "suspend", "dev@lists.example", "--reason", "storm"});
  json({"list", "rename", "dev@lists.example", "bees"});
  BOOST_TEST(suspended() == 2U);
  const std::string shown = run({"list", "show", "bees@lists.example"}).out;
  BOOST_TEST(
      shown.find("former   dev@lists.example, posts under it wait: suspended by operator") != shown.npos,
      shown);
  BOOST_TEST(changed({"list", "resume", "Dev@lists.example"}));
  BOOST_TEST(suspended() == 0U);
  // Posts that were accepted under an earlier name may be going out still.
  for (const char* name : {"bees@lists.example", "Dev@lists.example"}) {
    BOOST_TEST(json({"list", "suspend", name, "--reason", "storm"})["list"] == "bees@lists.example");
    BOOST_TEST(suspended() == 2U);
  }
  json({"list", "rename", "bees@lists.example", "wasps"});
  BOOST_TEST(suspended() == 3U);
  BOOST_TEST(run({"list", "suspend", "wasp@lists.example"}).code == 1);
  BOOST_TEST(changed({"list", "resume", "wasps@lists.example"}));
  BOOST_TEST(suspended() == 0U);
  BOOST_TEST(!changed({"list", "resume", "wasps@lists.example"}));
  // Another list that gets the name is not suspended, unless posts wait for the suspension, of which whoever makes it is told;
  // nor is it resumed with the first.
  json({"list", "suspend", "wasps@lists.example", "--reason", "storm"});
  add_post("dev@lists.example");
  for (const char* name : {"bees@lists.example", "dev@lists.example"}) {
    const auto made = run({"list", "create", name, "--owner", "owner@people.example"});
    BOOST_TEST(made.code == 0);
    const bool told = made.err.find("posts to it wait: suspended by operator") != made.err.npos;
    BOOST_TEST(told == (name == std::string("dev@lists.example")), made.err);
  }
  BOOST_TEST(changed({"list", "resume", "wasps@lists.example"}));
  BOOST_TEST(!changed({"list", "resume", "wasps@lists.example"}));
  BOOST_TEST(suspended() == 1U);
}

BOOST_FIXTURE_TEST_CASE(who_gives_a_list_the_name_of_a_suspended_one_is_told, Named) {
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  for (const char* list : {"news@lists.example", "storm@lists.example"})
    BOOST_TEST(changed({"list", "create", list, "--owner", "owner@people.example"}));
  json({"list", "suspend", "storm@lists.example", "--reason", "storm"});
  add_post("storm@lists.example");
  BOOST_TEST(changed({"list", "delete", "storm@lists.example"}));
  const auto told = [](const Outcome& o) { return o.err.find("essaim: posts to it wait: ") != o.err.npos; };
  const auto tried = run({"list", "rename", "news@lists.example", "storm", "--dry-run"});
  BOOST_TEST(tried.code == 0);
  BOOST_TEST(!told(tried), tried.err);
  const auto renamed = run({"list", "rename", "news@lists.example", "storm"});
  BOOST_TEST(renamed.code == 0);
  BOOST_TEST(told(renamed), renamed.err);
  const auto again = run({"request", "rename", "storm@lists.example", "calm"});
  BOOST_TEST(again.code == 0);
  BOOST_TEST(again.err.find("essaim list resume calm@lists.example") != again.err.npos, again.err);
  BOOST_TEST(changed({"list", "resume", "calm@lists.example"}));
  const auto last = run({"request", "rename", "calm@lists.example", "wasps"});
  BOOST_TEST(last.code == 0);
  BOOST_TEST(!told(last), last.err);
}

// As where the renaming was done again before, or was before the backup.
BOOST_FIXTURE_TEST_CASE(who_left_behind_a_renaming_is_taken_away_from_a_list_that_is_renamed, Named) {
  const std::string log =
      "2126-01-01T00:00:00.000Z request verb=rename list=dev@lists.example what=bees result=done\n"
      "2126-01-01T00:00:01.000Z request verb=unsubscribe list=bees@lists.example email=ann@a.example "
      "what=\"\" "
      "result=done\n"
      "2126-01-01T00:00:01.000Z request verb=unsubscribe list=gone@lists.example email=ann@a.example "
      "what=\"\" "
      "result=done\n";
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  BOOST_TEST(changed({"list", "create", "dev@lists.example", "--owner", "owner@people.example"}));
  json({"member", "add", "dev@lists.example", "ann@a.example"});
  json({"list", "rename", "dev@lists.example", "bees"});
  for (const int expected : {1, 0}) {
    const Outcome o =
        run({"member", "remove-left", "--log", "-", "--since", "2020-01-01T00:00:00Z", "--json"}, log);
    BOOST_REQUIRE_MESSAGE(o.code == 0, o.err);
    BOOST_TEST(Parsed::parse(o.out)["removed"] == expected, o.out);
  }
  BOOST_TEST(json({"member", "list", "bees@lists.example", "--role", "member"}).empty());
}

BOOST_FIXTURE_TEST_CASE(who_is_blocked_is_unblocked_and_explained_in_either_form, Named) {
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  BOOST_TEST(changed({"list", "create", "dev@lists.example", "--owner", "owner@people.example"}));
  json({"list", "set", "dev@lists.example", "send=public"});
  const auto action_for = [&](const std::string& sender) {
    return json({"scenario", "explain", "dev@lists.example", "send", "--sender", sender})["action"]
        .get<std::string>();
  };
  const std::string open = action_for("ann@müller.example");
  BOOST_TEST(changed({"block", "add", "*@Müller.example", "--list", "dev@lists.example"}));
  BOOST_TEST(!changed({"block", "add", "*@xn--mller-kva.example", "--list", "dev@lists.example"}));
  BOOST_TEST(action_for("ann@xn--mller-kva.example") != open);
  BOOST_TEST(action_for("ann@müller.example") == action_for("ann@xn--mller-kva.example"));
  BOOST_TEST(changed({"block", "remove", "*@xn--mller-kva.example", "--list", "dev@lists.example"}));
  BOOST_TEST(action_for("ann@müller.example") == open);
}

BOOST_FIXTURE_TEST_CASE(a_person_may_be_named_as_a_mail_program_copies_it, Named) {
  const std::string ann = "Ann Bee <Ann@a.example>";
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  BOOST_TEST(changed({"list", "create", "dev@lists.example", "--owner", "\"Bee, Olga\" <olga@o.example>"}));
  const auto owner = json({"member", "list", "dev@lists.example", "--role", "owner"})[0];
  BOOST_TEST(owner["address"] == "olga@o.example");
  BOOST_TEST(owner["name"] == "Bee, Olga");
  BOOST_TEST(json({"request", "add", "dev@lists.example", ann})["status"] == "done");
  const auto member = json({"member", "list", "dev@lists.example", "--role", "member"})[0];
  BOOST_TEST(member["address"] == "Ann@a.example");
  BOOST_TEST(member["name"] == "Ann Bee");
  BOOST_TEST(changed({"member", "set", "dev@lists.example", "Anybody <ann@a.example>", "delivery=off"}));
  BOOST_TEST(json({"member", "find", ann})[0]["list"] == "dev@lists.example");
  BOOST_TEST(json({"member", "list", "dev@lists.example", "--role", "member"})[0]["name"] == "Ann Bee");
  BOOST_TEST(changed({"listmaster", "add", ann}));
  BOOST_TEST(json({"listmaster", "list"})[0]["address"] == "Ann@a.example");
  BOOST_TEST(changed({"listmaster", "remove", ann}));
  BOOST_TEST(run({"person", "show", ann}).code == 0);
  BOOST_TEST(
      json({"scenario", "explain", "dev@lists.example", "send", "--sender", ann})["action"] ==
      json({"scenario", "explain", "dev@lists.example", "send", "--sender", "ann@a.example"})["action"]);
  add_post("dev@lists.example");
  for (const char* noun : {"queue", "post"}) {
    const std::string verb = noun == std::string("queue") ? "list" : "find";
    const auto found = run({noun, verb, "--sender", "The Author <author@client.test>", "--json"});
    BOOST_TEST(found.out.find("author@client.test") != found.out.npos, found.out);
  }
  const auto wrong = run({"list", "create", "bees@lists.example", "--owner", "Ann <ann>"});
  BOOST_TEST(wrong.code == 2);
  BOOST_TEST(wrong.err.find("--owner: \"Ann <ann>\" is not a mail address") != wrong.err.npos, wrong.err);
}

BOOST_FIXTURE_TEST_CASE(who_is_sent_to_again_may_be_named_so, Named) {
  BOOST_TEST(changed({"domain", "create", "lists.example"}));
  add_post("dev@lists.example");
  {
    const auto database = opened();
    auto batch = test::claim(*database, {1, 7}, 1).at(0);
    test::settle(&batch, 0, storage::RecipientState::kFailed);
    batch.queue = storage::BatchQueue::kFinished;
    test::commit(*database, [&](storage::Connection& c) {
      return storage::BatchStore(c).save({1, 7}, batch);
    });
  }
  const std::pair<const char*, int> rows[] = {
      {"u0@a.example", 1}, {"Ann Bee <u0@a.example>", 1}, {"Ann <ann@a.example>", 0}};
  for (const auto& [who, expected] : rows) {
    const auto would = json({"post", "retry", format_id(1), "--recipients", who, "--dry-run"});
    BOOST_TEST(would["recipients"] == expected, who);
  }
}
