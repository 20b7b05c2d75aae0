#include <future>

#include "lists/recent_targets.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::lists;
using essaim::test::TestSite;

BOOST_AUTO_TEST_SUITE(list_recipients)

BOOST_AUTO_TEST_CASE(each_address_of_ours_is_known_and_no_other) {
  TestSite site;
  site.make_list("dev", {{"max_size", "5M"}}, {"a@member.example"});
  // Made by an importer or an earlier version: the names are refused today, but the lists go before the
  // suffixes.
  site.read([](storage::Connection&) {});
  TestSite::require(
      site.database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        storage::ListRecord odd = site.list("dev");
        odd.id = site.ids.next();
        odd.local = "dev-owner";
        return storage::DirectoryStore(c).add_list(odd);
      }));
  site.make_list("shut");
  TestSite::require(site.admin.close_list("shut@lists.example"));
  std::string leave;
  site.tokens.append_leave(site.list("dev").id, site.member("dev", "a@member.example")->id, &leave);
  struct Row {
    std::string to;
    int code;
    std::string says;  // the kind, or words of the refusal
  };
  const Row rows[] = {
      {"dev@lists.example", 250, "post"},
      {"DEV@Lists.Example", 250, "post"},
      {"dev-request@lists.example", 250, "request"},
      {"dev-subscribe@lists.example", 250, "subscribe"},
      {"sympa@lists.example", 250, "commands"},
      {"listmaster@lists.example", 250, "listmasters"},
      {"sympa-request@lists.example", 250, "listmasters"},
      {"dev-owner@lists.example", 250, "post"},
      {"dev-editor@lists.example", 250, "editors"},
      {"dev-Unsubscribe@lists.example", 250, "leave"},
      {"dev-unsubscribe+" + leave + "@lists.example", 250, "leave-token"},
      {"leave+" + leave + "@lists.example", 250, "leave-token"},
      {"earlier-name-unsubscribe+" + leave + "@lists.example", 250, "leave-token"},
      {"shut-unsubscribe+" + leave + "@lists.example", 250,
       "leave-token"},  // as the other one was called before
      {"dev-unsubscribe+x@lists.example", 550, "[rule: forged-token]"},
      {"nobody-unsubscribe+" + leave.substr(0, 23) + "!@lists.example", 550, "[rule: forged-token]"},
      {"shut-owner@lists.example", 250, "owners"},
      {"shut@lists.example", 550,
       "5.7.2 <shut@lists.example>: the list is closed; questions: shut-owner@lists.example [rule: "
       "closed-list]"},
      {"postmaster@lists.example", 250, "postmaster"},
      {"Postmaster@mx.example", 250, "postmaster"},
      {"postmaster", 250, "postmaster"},
      {"abuse@lists.example", 250, "postmaster"},
      {"nobody@lists.example", 550, "5.1.1 <nobody@lists.example>: no such list [rule: unknown-recipient]"},
      {"nobody-owner@lists.example", 550, "[rule: unknown-recipient]"},
      {"dev@mx.example", 550, "[rule: unknown-recipient]"},
      {"dev@elsewhere.example", 550, "5.7.1 <dev@elsewhere.example>: relaying denied"},
      {"bounce+00000000000010000000000001aaaaaaaaaa@lists.example", 550, "5.1.1"},
      {"confirm+0123456789abcdef@lists.example", 550, "[rule: unknown-key]"},
      {"approve+x@lists.example", 550, "[rule: unknown-key]"},
      {"leave+00000000000010000000000@lists.example", 550, "[rule: forged-token]"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.to) {
      const Resolution resolution = site.rcpt(row.to);
      BOOST_TEST(resolution.reply.code == row.code);
      if (row.code == 250) {
        BOOST_REQUIRE(resolution.target);
        BOOST_TEST(to_string(resolution.target->kind) == row.says);
      } else {
        BOOST_TEST(!resolution.target);
        BOOST_TEST(resolution.reply.to_string().find(row.says) != std::string::npos,
                   resolution.reply.to_string());
      }
    }
  }
  BOOST_TEST(site.rcpt("dev@lists.example").max_size == 5U << 20);
}

BOOST_AUTO_TEST_CASE(
    a_list_that_was_found_is_not_looked_up_again_for_a_moment_and_nothing_else_is_remembered) {
  TestSite site;
  site.make_list("dev");
  const lists::RecipientResolver resolver(site.services);
  const auto reads = [&] { return site.database->counters().reads; };
  const auto code = [&](const std::string& to) {
    std::promise<int> answer;
    resolver.resolve(test::recipient(to), [&answer](const Resolution& r) { answer.set_value(r.reply.code); });
    return answer.get_future().get();
  };
  BOOST_TEST(code("dev@lists.example") == 250);
  auto before = reads();
  BOOST_TEST(code("dev@lists.example") == 250);
  BOOST_TEST(reads() == before);
  BOOST_TEST(code("dev-owner@lists.example") == 250);
  before = reads();
  BOOST_TEST(code("dev-owner@lists.example") == 250);
  BOOST_TEST(reads() > before);
  BOOST_TEST(code("new@lists.example") == 550);
  site.make_list("new");
  BOOST_TEST(code("new@lists.example") == 250);

  TestSite::require(site.admin.delete_list("dev@lists.example"));
  site.clock.advance(lists::RecentTargets::kRemembered + std::chrono::milliseconds(1));
  BOOST_TEST(code("dev@lists.example") == 550);
}

BOOST_AUTO_TEST_CASE(without_any_domain_nobody_is_refused_for_ever) {
  TestSite site;
  TestSite::require(site.admin.delete_domain("lists.example"));
  for (const char* const to : {"dev@lists.example", "dev@mx.example", "anybody@elsewhere.example",
                               "bounce+00000000000010000000000001aaaaaaaaaa@mx.example"}) {
    const Resolution resolution = site.rcpt(to);
    BOOST_TEST(resolution.reply.to_string().starts_with("451 4.3.5 <" + std::string(to) + ">: no domain"),
               resolution.reply.to_string());
    BOOST_TEST(!resolution.target);
    BOOST_TEST(resolution.elsewhere == !std::string_view(to).ends_with("@mx.example"));
  }
  BOOST_TEST(site.rcpt("postmaster").reply.code == 250);
  BOOST_TEST(site.rcpt("abuse@mx.example").reply.code == 250);
  BOOST_TEST(site.rcpt("postmaster@lists.example").reply.code == 451);
  TestSite::require(site.admin.create_domain("lists.example"));
  site.make_list("dev");
  BOOST_TEST(site.rcpt("dev@lists.example").reply.code == 250);
  BOOST_TEST(site.rcpt("dev@mx.example").reply.code == 550);
  BOOST_TEST(site.rcpt("anybody@elsewhere.example").reply.code == 550);
}

BOOST_AUTO_TEST_CASE(trouble_with_the_database_is_never_no_such_list) {
  TestSite site;
  site.make_list("dev");
  test::LogLines log;
  for (std::uint64_t k = 1; k <= 2; ++k) {
    storage::FaultPlan::arm({.first = k});
    const Resolution resolution = site.rcpt("dev@lists.example");
    storage::FaultPlan::disarm();
    BOOST_TEST(resolution.reply.to_string().starts_with("451 4.3.0"));
    BOOST_TEST(!resolution.target);
  }
  BOOST_TEST(site.rcpt("dev@lists.example").reply.code == 250);
}

BOOST_AUTO_TEST_SUITE_END()
