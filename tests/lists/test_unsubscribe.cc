#include <algorithm>

#include "lists/domain_alone.h"
#include "lists/leaving.h"
#include "lists/requests/request.h"
#include "storage/departure_store.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::TestSite;

namespace {

std::string leave_address(TestSite& site, const std::string& member) {
  std::string token;
  site.tokens.append_leave(site.list("dev").id, site.member("dev", member)->id, &token);
  return "dev-unsubscribe+" + token + "@lists.example";
}

std::string field(const std::string& message, const std::string& name) {
  const auto at = message.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 4;
  return message.substr(begin, message.find("\r\n", begin) - begin);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leaving_by_mail)

BOOST_AUTO_TEST_CASE(a_token_leaves_at_once_and_twice_is_no_mistake) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example", "b@two.example"});
  const std::string to = leave_address(site, "a@one.example");
  const auto before = site.list("dev").revision;
  // Whoever sends it: the token says who leaves. Providers' buttons send it from addresses of their own.
  const auto reply = site.send("button@provider.example", {to}, a_post("button@provider.example"));
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: you have left dev@lists.example"),
             reply.to_string());
  BOOST_TEST(!site.member("dev", "a@one.example").has_value());
  BOOST_TEST(site.member("dev", "b@two.example").has_value());
  BOOST_TEST(site.list("dev").revision == before + 1);
  const auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 1);
  BOOST_TEST((posts[0].kind == storage::PostKind::kNotice));
  BOOST_TEST(posts[0].envelope_sender == "");
  BOOST_TEST(site.recipients(posts[0].id).front() == "a@one.example");
  const auto again = site.send("button@provider.example", {to}, a_post("button@provider.example"));
  BOOST_TEST(again.to_string() == "250 2.0.0 Ok: you are no member of this list any more");
  BOOST_TEST(site.posts().size() == 1);
  // Having joined again, the old token is no longer good for anything.
  site.join("dev", {"a@one.example"});
  BOOST_TEST(site.send("button@provider.example", {to}, a_post("b@p.example")).positive());
  BOOST_TEST(site.member("dev", "a@one.example").has_value());
}

BOOST_AUTO_TEST_CASE(a_token_whose_key_is_retired_is_refused_at_rcpt_with_the_address_that_works) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example"});
  const std::string to = leave_address(site, "a@one.example");
  lists::LeaveKeys keys = site.tokens.leave_keys();
  BOOST_REQUIRE(keys.add(site.clock.wall_now()).ok());
  site.set_leave_keys(keys);
  BOOST_TEST(site.rcpt(to).reply.positive());
  BOOST_TEST(leave_address(site, "a@one.example") != to);
  BOOST_REQUIRE(keys.retire(0, site.clock.wall_now()).ok());
  site.set_leave_keys(keys);
  const std::string refusal = site.rcpt(to).reply.to_string();
  BOOST_TEST(refusal.find("dev-unsubscribe@lists.example [rule: retired-token]") != std::string::npos,
             refusal);
  BOOST_TEST(site.rcpt(leave_address(site, "a@one.example")).reply.positive());
}

// Without pages the address is the only way out that a copy has.
BOOST_AUTO_TEST_CASE(a_token_is_good_when_its_list_has_got_another_name_and_another_list_has_its_own) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example", "b@two.example"});
  const std::string first = leave_address(site, "a@one.example");
  const std::string second = leave_address(site, "b@two.example");
  const Id list = site.list("dev").id;
  TestSite::require(site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    return storage::DirectoryStore(c).rename_list(list, "team");
  }));
  const auto left = [&site](const std::string& to) {
    return site.send("button@provider.example", {to}, a_post("button@provider.example")).to_string();
  };
  BOOST_TEST(left(first).starts_with("250 2.0.0 Ok: you have left team@lists.example"));
  site.make_list("dev", {}, {"b@two.example"});
  BOOST_TEST(left(second).starts_with("250 2.0.0 Ok: you have left team@lists.example"));
  BOOST_TEST(!site.member("team", "b@two.example").has_value());
  BOOST_TEST(site.member("dev", "b@two.example").has_value());
}

BOOST_AUTO_TEST_CASE(a_token_is_good_under_whatever_address_the_membership_goes_on) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"a@old.example", "b@old.example", "b@new.example"});
  site.make_list("other", {}, {"a@old.example"});
  const std::string before = leave_address(site, "a@old.example");
  BOOST_TEST(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example")).positive());
  const auto move = [&site](const std::string& from, const std::string& to) {
    TestSite::require(site.database->write_now(
        storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
          lists::WriteContext context{site.services, connection, site.clock.wall_now(), 1};
          auto domain = storage::DirectoryStore(connection).find_domain("lists.example");
          if (!domain.ok()) return domain.error();
          lists::Request request;
          request.verb = lists::Verb::kMoveUser;
          request.list = lists::domain_alone(**domain);
          request.previous = test::address(from);
          request.email = test::address(to);
          auto response = lists::carry_out_for_operator(context, request);
          if (!response.ok()) return response.error();
          BOOST_TEST((response->status == lists::Response::Status::kDone), response->text);
          return {};
        }));
  };
  move("a@old.example", "a@new.example");
  move("b@old.example", "b@new.example");
  BOOST_TEST(!site.member("dev", "a@old.example").has_value());
  BOOST_TEST(!site.member("dev", "b@old.example").has_value());
  BOOST_TEST(site.member("dev", "b@new.example").has_value());
  BOOST_TEST(site.member("other", "a@new.example").has_value());
  BOOST_TEST(leave_address(site, "a@new.example") == before);
  const auto reply = site.send("button@provider.example", {before}, a_post("button@provider.example"));
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: you have left dev@lists.example"),
             reply.to_string());
  BOOST_TEST(!site.member("dev", "a@new.example").has_value());
  BOOST_TEST(site.member("other", "a@new.example").has_value());
}

BOOST_AUTO_TEST_CASE(the_owners_are_told_who_left_and_how_where_they_want_it_and_it_is_kept) {
  TestSite site;
  site.make_list("dev", {{"tell_left", "true"}, {"goodbye", "false"}},
                 {"a@one.example", "b@two.example", "c@three.example"}, {"o@owner.example"});
  const Id list = site.list("dev").id;
  const auto leave = [&](const char* who, lists::LeftBy by) {
    const Id member = site.member("dev", who)->id;
    lists::Departure departure;
    TestSite::require(site.database->write_now(
        storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
          lists::WriteContext context{site.services, connection, site.clock.wall_now()};
          auto left = lists::leave(context, {list, member, by, "192.0.2.7", ""});
          if (!left.ok()) return left.error();
          departure = *left;
          return {};
        }));
    return departure;
  };
  BOOST_TEST(leave("a@one.example", lists::LeftBy::kOneClick).left);
  BOOST_TEST(leave("b@two.example", lists::LeftBy::kPage).member == "b@two.example");
  site.send("x@y.example", {leave_address(site, "c@three.example")}, a_post("x@y.example"));
  auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 3);
  std::sort(posts.begin(), posts.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  const char* told[] = {"a@one.example has left dev@lists.example, by the button of a mail program",
                        "b@two.example has left dev@lists.example, on the page of a link in a message",
                        "c@three.example has left dev@lists.example"};
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(site.recipients(posts[i].id).front() == "o@owner.example");
    BOOST_TEST(site.rendering(posts[i].id).find(told[i]) != std::string::npos, site.rendering(posts[i].id));
  }
  std::vector<storage::DepartureRecord> kept;
  TestSite::require(site.database->read_now([&](storage::Connection& connection) -> Result<void> {
    auto found = storage::DepartureStore(connection).of_list("dev@lists.example", {}, 10);
    if (!found.ok()) return found.error();
    kept = *std::move(found);
    return {};
  }));
  BOOST_REQUIRE(kept.size() == 3);
  for (const auto& one : kept)
    BOOST_TEST(one.how == (one.address == "a@one.example"   ? "one-click"
                           : one.address == "b@two.example" ? "page"
                                                            : "mail"));
}

BOOST_AUTO_TEST_CASE(no_goodbye_where_the_list_wants_none) {
  TestSite site;
  site.make_list("dev", {{"goodbye", "false"}}, {"a@one.example"});
  site.send("a@one.example", {leave_address(site, "a@one.example")}, a_post("a@one.example"));
  BOOST_TEST(!site.member("dev", "a@one.example").has_value());
  BOOST_TEST(site.posts().empty());
  BOOST_TEST(site.bells == 0);
}

BOOST_AUTO_TEST_CASE(without_a_token_the_author_is_asked_and_the_answer_leaves) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example"});
  BOOST_TEST(
      site.send("a@one.example", {"dev-unsubscribe@lists.example"}, a_post("a@one.example")).positive());
  BOOST_TEST(site.member("dev", "a@one.example").has_value());
  BOOST_REQUIRE(site.posts().size() == 1);
  const auto post = site.posts().front();
  BOOST_TEST((post.kind == storage::PostKind::kNotice));
  BOOST_TEST(post.envelope_sender == "");
  BOOST_TEST(site.recipients(post.id).front() == "a@one.example");
  const std::string question = site.rendering(post.id);
  BOOST_TEST(field(question, "Auto-Submitted") == "auto-replied");
  BOOST_TEST(field(question, "In-Reply-To") == "<1@author.example>");
  const std::string answer_to = field(question, "Reply-To");
  // Within the hour nobody is asked twice.
  site.send("a@one.example", {"dev-unsubscribe@lists.example"}, a_post("a@one.example", "<2@x>"));
  BOOST_TEST(site.posts().size() == 1);
  // A machine that answers says nothing.
  const auto machine = site.send("a@one.example", {answer_to},
                                 a_post("a@one.example", "<3@x>", "Auto-Submitted: auto-replied\n"));
  BOOST_TEST(machine.text.find("[rule: automatic]") != std::string::npos, machine.to_string());
  BOOST_TEST(site.member("dev", "a@one.example").has_value());
  BOOST_TEST(site.send("other@home.example", {answer_to}, a_post("other@home.example", "<4@x>")).positive());
  BOOST_TEST(!site.member("dev", "a@one.example").has_value());
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_too_late_is_refused_at_rcpt) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example"});
  site.send("a@one.example", {"dev-unsubscribe@lists.example"}, a_post("a@one.example"));
  const std::string answer_to = field(site.rendering(site.posts().front().id), "Reply-To");
  site.clock.advance(std::chrono::hours(24 * 8));
  BOOST_TEST(site.rcpt(answer_to).reply.text.find("[rule: expired-key]") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_to_strangers_or_machines) {
  TestSite site;
  site.make_list("dev", {}, {"a@one.example"});
  struct Row {
    const char* from;
    const char* author;
    const char* more;
    const char* rule;
  };
  const Row rows[] = {
      {"x@y.example", "x@y.example", "", "not-a-member"},
      {"", "a@one.example", "", "null-sender"},
      {"a@one.example", "a@one.example", "Auto-Submitted: auto-replied\n", "automatic"},
      {"a@one.example", "a@one.example", "Precedence: bulk\n", "automatic"},
      {"a@one.example", "a@one.example", "List-Id: <other.example>\n", "automatic"},
      {"a@one.example", "a@one.example", "X-Loop: dev@lists.example\n", "loop"},
  };
  for (const Row& row : rows) {
    const auto reply =
        site.send(row.from, {"dev-unsubscribe@lists.example"}, a_post(row.author, "<1@x>", row.more));
    BOOST_TEST(reply.text.find("[rule: " + std::string(row.rule) + "]") != std::string::npos,
               reply.to_string());
    BOOST_TEST(reply.permanent());
  }
  BOOST_TEST(site.posts().empty());
}

BOOST_AUTO_TEST_SUITE_END()
