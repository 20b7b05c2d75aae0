// Who may ask for what, by whatever door, and what the log says of it.
#include "lists/setting_rights.h"
#include "lists/settings.h"
#include "lists/site_texts.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(request_rights)

BOOST_AUTO_TEST_CASE(who_may_change_which_setting_is_told_by_the_setting) {
  Served site;
  site.join("dev", {"priv@o.example"}, storage::Role::kOwner);
  const auto list_id = site.list("dev").id;
  const auto write = [&](const std::function<Result<void>(storage::Connection&)>& work) {
    TestSite::require(site.database->write_now(storage::Durability::kAccept, work));
  };
  site.join("dev", {"plain@o.example"}, storage::Role::kOwner);
  write([&](storage::Connection& c) {
    return storage::MemberStore(c).set_privileged(
        site.member("dev", "priv@o.example", storage::Role::kOwner)->id, true);
  });
  const auto configure = [&](const std::string& who, const std::string& setting, const std::string& value,
                             lists::scenario::Auth auth = lists::scenario::Auth::kMd5) {
    lists::Response out;
    write([&](storage::Connection& c) -> Result<void> {
      lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
      lists::Request request;
      request.verb = lists::Verb::kConfigure;
      request.list = site.list("dev");
      request.changes[setting] = value;
      lists::Requester by;
      by.address = address(who);
      by.auth = auth;
      by.language = "en";
      auto response = lists::carry_out(context, request, by);
      if (!response.ok()) return response.error();
      out = *response;
      return {};
    });
    return out.status == lists::Response::Status::kDone      ? std::string("done")
           : out.status == lists::Response::Status::kWaits   ? "waits"
           : out.status == lists::Response::Status::kRefused ? out.text
                                                             : "already";
  };
  BOOST_TEST(list_id != 0);
  const std::string no_owner = "not allowed: only privileged owners may do this";
  const std::string no_master = "not allowed: only listmasters may do this";
  BOOST_TEST(configure("ann@x.example", "footer", "x") == no_owner);
  BOOST_TEST(configure("plain@o.example", "footer", "x") == "done");
  BOOST_TEST(configure("plain@o.example", "footer", "x") == "already");
  BOOST_TEST(configure("plain@o.example", "send", "public") == no_owner);
  BOOST_TEST(configure("priv@o.example", "send", "public") == "done");
  BOOST_TEST(configure("priv@o.example", "max_size", "1M") == no_master);
  BOOST_TEST(site.list("dev").settings.at("send") == "public");
  BOOST_TEST(!site.list("dev").settings.contains("max_size"));
  write([&](storage::Connection& c) {
    storage::MemberRecord master;
    master.id = site.ids.next();
    master.list_id = 0;
    master.role = storage::Role::kListmaster;
    master.local = "root";
    master.domain = "o.example";
    return storage::MemberStore(c).add(master);
  });
  BOOST_TEST(configure("root@o.example", "max_size", "1M") == "done");
  // From alone has to confirm it, and what was asked for is done then.
  BOOST_TEST(configure("plain@o.example", "footer", "bees", lists::scenario::Auth::kSmtp) == "waits");
  BOOST_TEST(site.list("dev").settings.at("footer") == "x");
  const Letter question = site.question("plain@o.example");
  BOOST_TEST(question.says("change the settings of dev@lists.example"));
  site.send("plain@o.example", {question.field("Reply-To")}, a_mail("plain@o.example", "Re: x", "yes\n"));
  BOOST_TEST(site.list("dev").settings.at("footer") == "bees");
}

BOOST_AUTO_TEST_CASE(each_setting_is_somebodys_and_none_is_everybodys) {
  using Right = lists::VerbRow::Right;
  std::map<Right, int> counted;
  for (const config::Setting& setting : lists::list_settings_table())
    ++counted[lists::right_to_set(setting.name)];
  BOOST_TEST(counted.size() == 3U);
  BOOST_TEST(counted[Right::kOwner] >= 15);
  BOOST_TEST(counted[Right::kPrivilegedOwner] >= 20);
  BOOST_TEST(counted[Right::kListmaster] >= 8);
  BOOST_TEST((lists::right_to_set("review") == Right::kPrivilegedOwner));
  BOOST_TEST((lists::right_to_set("create_list") == Right::kListmaster));
  BOOST_TEST((lists::right_to_set("robot") == Right::kListmaster));
  BOOST_TEST((lists::right_to_set("unheard_of") == Right::kListmaster));
}

// Who may ask for what there is no scenario for: every role for every such verb, at every place.
BOOST_AUTO_TEST_CASE(domains_texts_blocklists_and_listmasters_are_for_whom_they_concern) {
  using storage::TextKind;
  Served site;
  site.join("dev", {"plain@o.example"}, storage::Role::kOwner);
  TestSite::require(site.admin.add_listmaster("lists.example", address("master@o.example")));
  TestSite::require(site.admin.add_listmaster("", address("root@o.example")));
  TestSite::require(site.admin.create_domain("team.example"));
  const std::vector<std::string> people = {"ann@x.example", "eve@e.example",    "plain@o.example",
                                           "own@o.example", "master@o.example", "root@o.example"};
  const auto ask = [&](const std::string& who, lists::Request request, lists::scenario::Auth auth) {
    lists::Requester by;
    by.address = address(who);
    by.auth = auth;
    by.language = "en";
    lists::Response out;
    // Nothing of it stays.
    const auto undone =
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
          auto response = lists::carry_out(context, request, by);
          if (!response.ok()) return response.error();
          out = *response;
          return Error{ErrorCode::kInvalid, "undone"};
        });
    BOOST_TEST(undone.error().message == "undone");
    return out;
  };
  const storage::ListRecord list = site.list("dev");
  storage::ListRecord domain, nowhere, fresh;
  domain.domain_id = list.domain_id;
  domain.domain = list.domain;
  fresh.domain = "fresh.example";
  const auto request = [](lists::Verb verb, const storage::ListRecord& place, const std::string& name = "",
                          const std::string& text = "", TextKind kind = TextKind::kScenario) {
    lists::Request out;
    out.verb = verb;
    out.list = place;
    out.name = name;
    out.text = text;
    out.kind = kind;
    out.email = address("new@n.example");
    if (verb == lists::Verb::kConfigureDomain) out.changes["footer"] = "x";
    return out;
  };
  const std::string rule = "true() smtp -> do_it\n",
                    sql = "db_type SQLite\ndb_name /x\nstatement SELECT [sender]\n";
  struct Row {
    lists::Request request;
    std::size_t first;  // of the people who may
  };
  using lists::Verb;
  const Row rows[] = {
      {request(Verb::kSetText, list, "welcome", "Hello\n", TextKind::kTemplate), 2},
      {request(Verb::kSetText, list, "send.mine", rule), 3},
      {request(Verb::kSetText, list, "friends.txt", "a@b.example\n", TextKind::kFilter), 3},
      {request(Verb::kSetText, list, "friends.sql", sql, TextKind::kFilter), 5},
      {request(Verb::kSetText, domain, "welcome", "Hello\n", TextKind::kTemplate), 4},
      {request(Verb::kSetText, domain, "send.mine", rule), 4},
      {request(Verb::kSetText, nowhere, "send.mine", rule), 5},
      {request(Verb::kDeleteText, list, "send.mine"), 3},
      {request(Verb::kDeleteText, nowhere, "send.mine"), 5},
      {request(Verb::kBlock, list, "*@bad.example"), 2},
      {request(Verb::kUnblock, list, "*@bad.example"), 2},
      {request(Verb::kBlock, domain, "*@bad.example"), 4},
      {request(Verb::kBlock, nowhere, "*@bad.example"), 5},
      {request(Verb::kRename, list, "bees"), 3},
      {request(Verb::kRename, list, "bees@lists.example"), 3},
      {request(Verb::kRename, list, "dev@team.example"), 5},
      {request(Verb::kForgetName, list, "bees@lists.example"), 3},
      {request(Verb::kConfigureDomain, domain), 4},
      {request(Verb::kDeleteDomain, domain), 5},
      {request(Verb::kCreateDomain, fresh), 5},
      {request(Verb::kAddListmaster, domain), 5},
      {request(Verb::kRemoveListmaster, nowhere), 5},
  };
  for (const Row& row : rows) {
    if (row.request.verb == Verb::kDeleteDomain) continue;  // it has lists; below
    for (std::size_t i = 0; i < people.size(); ++i) {
      const auto what = std::string(lists::row_of(row.request.verb).name) + " " + row.request.name + " at " +
                        row.request.list.address() + " by " + people[i];
      const auto response = ask(people[i], row.request, lists::scenario::Auth::kMd5);
      BOOST_TEST((response.status != lists::Response::Status::kRefused) == (i >= row.first), what);
      // From alone is never enough: it waits for a confirmation where it can, and never is done.
      const auto forged = ask(people[i], row.request, lists::scenario::Auth::kSmtp);
      BOOST_TEST((forged.status == lists::Response::Status::kRefused ||
                  forged.status == lists::Response::Status::kWaits),
                 what);
    }
  }
  // Of both domains.
  TestSite::require(site.admin.add_listmaster("team.example", address("master@o.example")));
  BOOST_TEST(
      (ask("master@o.example", request(Verb::kRename, list, "dev@team.example"), lists::scenario::Auth::kMd5)
           .status == lists::Response::Status::kDone));
  const auto gone = site.admin.delete_domain("lists.example");
  BOOST_TEST(!gone.ok());
  BOOST_TEST(
      (ask("master@o.example", request(Verb::kDeleteDomain, domain), lists::scenario::Auth::kMd5).status ==
       lists::Response::Status::kRefused));
}

BOOST_AUTO_TEST_CASE(members_change_their_own_options_and_owners_those_of_others) {
  Served site;
  const auto set = [&](const std::string& who, const std::string& whose) {
    lists::Request request;
    request.verb = lists::Verb::kSet;
    request.list = site.list("dev");
    request.email = address(whose);
    request.reception = site.member("dev", "ann@x.example")->has_mail() ? storage::Reception::kNone
                                                                        : storage::Reception::kEach;
    lists::Requester by;
    by.address = address(who);
    by.auth = lists::scenario::Auth::kMd5;
    by.language = "en";
    lists::Response out;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
          auto response = lists::carry_out(context, request, by);
          if (!response.ok()) return response.error();
          out = *response;
          return {};
        }));
    return out.status == lists::Response::Status::kDone;
  };
  site.join("dev", {"bob@x.example"});
  BOOST_TEST(set("ann@x.example", "Ann@x.example"));
  BOOST_TEST(!set("bob@x.example", "ann@x.example"));
  BOOST_TEST(!set("eve@e.example", "ann@x.example"));
  BOOST_TEST(set("own@o.example", "ann@x.example"));
}

BOOST_AUTO_TEST_CASE(the_operators_commands_are_requests_and_logged_as_such) {
  Served site;
  LogLines log;
  TestSite::require(site.admin.add_members("dev@lists.example", storage::Role::kMember,
                                           {{address("new@n.example"), ""}, {address("ann@x.example"), ""}}));
  BOOST_TEST(log.has({"request verb=add", "list=dev@lists.example", "2 people", "by=operator",
                      "client=\"the shell\"", "rule=operator", "result=done"}));
  TestSite::require(
      site.admin.remove_member("dev@lists.example", storage::Role::kMember, address("new@n.example")));
  BOOST_TEST(log.has({"request verb=delete", "email=new@n.example", "by=operator"}));
  TestSite::require(site.admin.set_list("dev@lists.example", {{"footer", "x"}, {"send", "public"}}));
  BOOST_TEST(log.has({"request verb=configure", "what=\"footer, send\"", "by=operator"}));
  TestSite::require(site.admin.close_list("dev@lists.example"));
  BOOST_TEST(log.has({"request verb=close", "by=operator"}));
  TestSite::require(site.admin.delete_list("dev@lists.example"));
  BOOST_TEST(log.has({"request verb=delete-list", "by=operator"}));
  TestSite::require(site.admin.create_domain("more.example"));
  BOOST_TEST(log.has({"request verb=create-domain", "list=more.example", "by=operator", "rule=operator"}));
  TestSite::require(site.admin.set_domain("more.example", {{"footer", "x"}}));
  BOOST_TEST(log.has({"request verb=configure-domain", "list=more.example", "what=footer", "by=operator"}));
  TestSite::require(site.admin.add_listmaster("more.example", address("ann@x.example")));
  BOOST_TEST(log.has({"request verb=add-listmaster", "list=more.example", "email=ann@x.example"}));
  TestSite::require(site.admin.remove_listmaster("more.example", address("ann@x.example")));
  BOOST_TEST(log.has({"request verb=remove-listmaster", "list=more.example", "result=done"}));
  TestSite::require(site.admin.add_listmaster("", address("root@x.example")));
  BOOST_TEST(log.has({"request verb=add-listmaster", "list=site", "email=root@x.example"}));
  TestSite::require(site.admin.delete_domain("more.example"));
  BOOST_TEST(log.has({"request verb=delete-domain", "list=more.example", "by=operator"}));
  lists::SiteTexts texts(*site.database, site.clock);
  TestSite::require(texts.set({}, storage::TextKind::kScenario, "send.mine", "true() smtp -> do_it\n"));
  BOOST_TEST(log.has({"request verb=set-text", "list=site", "what=send.mine", "by=operator"}));
  TestSite::require(texts.remove({}, storage::TextKind::kScenario, "send.mine"));
  BOOST_TEST(log.has({"request verb=delete-text", "list=site", "what=send.mine", "result=done"}));
  TestSite::require(texts.block({"", "lists.example"}, "*@bad.example"));
  BOOST_TEST(log.has({"request verb=block", "list=lists.example", "what=*@bad.example", "by=operator"}));
  TestSite::require(texts.unblock({"", "lists.example"}, "*@bad.example"));
  BOOST_TEST(log.has({"request verb=unblock", "list=lists.example", "result=done"}));
  BOOST_TEST(site.posts().empty());  // nobody is told
}

// Whether one may be seen is decided for each, where the writer waits, and anybody may ask.
BOOST_AUTO_TEST_CASE(of_very_many_lists_the_first_are_named_by_mail) {
  Served site;  // with dev, which comes before them, and other, which comes behind
  TestSite::require(site.admin.set_domain("lists.example", {{"visibility", "noconceal"}}));
  const Id domain_id = site.list("dev").domain_id;
  const auto make = [&](int from, int to) {
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          storage::ListRecord list;
          list.domain_id = domain_id;
          list.domain = "lists.example";
          for (int i = from; i < to; ++i) {
            list.id = site.admin_ids.next();
            list.local = "l" + std::to_string(i);
            ESSAIM_TRY(storage::DirectoryStore(c).add_list(list));
          }
          return {};
        }));
  };
  const std::string more = "and more lists, too many to name by mail";
  make(10'000, 11'998);
  const Letter all = site.ask("new@x.example", "lists\n");
  for (const char* name : {"dev", "l10000", "l11997", "other"})
    BOOST_TEST(all.says("  " + std::string(name) + "@lists.example\n"), name);
  BOOST_TEST(!all.says(more));
  make(11'998, 12'010);
  // What is behind those that are looked at is not even read.
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return c.execute("UPDATE list SET settings = 'nonsense' WHERE local > 'l12000'");
  }));
  const Letter first = site.ask("new@x.example", "lists\n");
  BOOST_TEST(first.says("  dev@lists.example\n"));
  BOOST_TEST(first.says("  l11998@lists.example\n  " + more));
  BOOST_TEST(!first.says("l11999@lists.example"));
}

// From may be anybody's who did not ask.
BOOST_AUTO_TEST_CASE(a_from_that_may_be_forged_is_not_answered_at_any_length) {
  Served site;
  TestSite::require(site.admin.set_domain("lists.example", {{"visibility", "noconceal"}}));
  const Id domain_id = site.list("dev").domain_id;
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        storage::ListRecord list;
        list.domain_id = domain_id;
        list.domain = "lists.example";
        list.settings["description"] = std::string(488, 'd');
        for (int i = 1000; i < 1200; ++i) {
          list.id = site.admin_ids.next();
          list.local = "l" + std::to_string(i);
          ESSAIM_TRY(storage::DirectoryStore(c).add_list(list));
        }
        return {};
      }));
  const auto told = [&](lists::scenario::Auth auth, bool is_operator = false) {
    std::string text;
    TestSite::require(
        site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
          lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
          lists::Request request;
          request.verb = lists::Verb::kLists;
          request.list = site.list("dev");
          request.list.id = 0;
          request.list.local.clear();
          lists::Requester by;
          by.address = address("new@x.example");
          by.auth = auth;
          by.is_operator = is_operator;
          by.language = "en";
          auto response = lists::carry_out(context, request, by);
          if (!response.ok()) return response.error();
          text = response->text;
          return {};
        }));
    return text;
  };
  using lists::scenario::Auth;
  const std::string forged = told(Auth::kSmtp);
  // 127 lists of 512 octets, "dev" and "other".
  BOOST_TEST(forged.size() < 66'000U);
  BOOST_TEST(forged.find("  l1126@lists.example") != forged.npos);
  BOOST_TEST(forged.find("l1130@lists.example") == forged.npos);
  BOOST_TEST(forged.find("  other@lists.example") != forged.npos);
  BOOST_TEST(forged.ends_with(" more lists: ask listmaster@lists.example"), forged.substr(64'000));
  BOOST_TEST(site.ask("new@x.example", "lists\n").says("more lists: ask listmaster@lists.example"));
  for (const std::string& all : {told(Auth::kDkim), told(Auth::kSmtp, true)})
    BOOST_TEST(all.find("  l1199@lists.example") != all.npos);
}

// What takes long is done by a reader, before the transaction that answers.
BOOST_AUTO_TEST_CASE(lists_cost_the_writer_no_more_than_what_asks_nothing) {
  Served site;
  const auto cost = [&site](const std::string& command) {
    const auto before = site.database->counters().statements;
    site.ask("new@x.example", command + "\n");
    return site.database->counters().statements - before;
  };
  cost("verify dev");
  const auto nothing = cost("verify dev");
  BOOST_TEST(cost("lists") == nothing);
}

BOOST_AUTO_TEST_SUITE_END()
