// What becomes of REQUIRETLS and TLS-Required (RFC 8689) at lists, at the people behind addresses, in what waits and in
// reports.
#include "lists/relay.h"
#include "lists/reports.h"
#include "storage/held_store.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::TestSite;
using storage::TlsRequest;

namespace {

const TestSite::Asked kRequired{.require_tls = true};

struct Lists : TestSite {
  explicit Lists(const std::string& name = "", const std::string& value = "") {
    lists::Settings settings = {{"post", "anyone"}};
    if (!name.empty()) settings[name] = value;
    if (name == "send") settings.erase("post");
    make_list("dev", settings, {"a@one.example"}, {"boss@private.example"});
  }
  TlsRequest of(Id id) {
    for (const auto& post : posts())
      if (post.id == id) return post.tls;
    BOOST_REQUIRE_MESSAGE(false, "no post " << format_id(id));
    return TlsRequest::kNone;
  }
  TlsRequest post(const Asked& asked, const std::string& field, const std::string& to = "dev@lists.example") {
    const auto reply = send("x@y.example", {to},
                            a_post("x@y.example", "<" + std::to_string(++number) + "@x>", field), asked);
    BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
    return of(last_id);
  }
  int number = 0;
};

bool says_no(Lists& site) {
  return site.rendering(site.last_id).find("TLS-Required: No\r\n") != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_require_tls)

BOOST_AUTO_TEST_CASE(the_parameter_goes_before_the_field_which_must_say_no_and_only_once) {
  const struct {
    bool required;
    const char* field;
    TlsRequest kept;
  } rows[] = {
      {true, "", TlsRequest::kRequired},
      {true, "TLS-Required: No\n", TlsRequest::kRequired},
      {false, "", TlsRequest::kNone},
      {false, "TLS-Required: No\n", TlsRequest::kOptional},
      {false, "tls-required:\n  no \n", TlsRequest::kOptional},
      {false, "TLS-Required: Yes\n", TlsRequest::kNone},
      {false, "TLS-Required: No, thanks\n", TlsRequest::kNone},
      {false, "TLS-Required:\n", TlsRequest::kNone},
      {false, "TLS-Required: No\nTLS-Required: No\n", TlsRequest::kNone},
  };
  Lists site;
  for (const auto& row : rows)
    for (const char* to : {"dev@lists.example", "dev-owner@lists.example"})
      BOOST_TEST((site.post({.require_tls = row.required}, row.field, to) == row.kept),
                 row.field << " to " << to);
}

BOOST_AUTO_TEST_CASE(what_somebody_relays_keeps_it) {
  Lists site;
  for (const bool required : {true, false}) {
    auto submission = std::make_shared<lists::Submission>();
    submission->id = site.ids.next();
    submission->reverse_path = test::address("x@y.example");
    submission->require_tls = required;
    submission->login = std::make_shared<const sasl::Login>(sasl::Login{"x", "PLAIN", {"x@y.example"}, true});
    submission->content = a_post("x@y.example", "", required ? "" : "TLS-Required: No\n");
    const smtp::Address to = test::address("z@elsewhere.example");
    submission->recipients.push_back({to, lists::relay_target(to)});
    const Id id = submission->id;
    const auto reply = site.submit(std::move(submission));
    BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
    BOOST_TEST((site.of(id) == (required ? TlsRequest::kRequired : TlsRequest::kOptional)));
  }
}

BOOST_AUTO_TEST_CASE(a_list_keeps_it_asks_for_it_always_ends_it_or_refuses_it) {
  {
    Lists always("require_tls", "always");
    BOOST_TEST((always.post({}, "TLS-Required: No\n") == TlsRequest::kRequired));
    BOOST_TEST(!says_no(always));
  }
  {
    Lists never("require_tls", "never");
    BOOST_TEST((never.post(kRequired, "") == TlsRequest::kNone));
    BOOST_TEST((never.post({}, "TLS-Required: No\n") == TlsRequest::kNone));
    BOOST_TEST(!says_no(never));
    // It is about posts: the people behind an address get their mail as it was meant.
    BOOST_TEST((never.post(kRequired, "", "dev-owner@lists.example") == TlsRequest::kRequired));
  }
  Lists refuse("require_tls", "refuse");
  const auto reply = refuse.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"), kRequired);
  BOOST_TEST(
      reply.to_string() ==
      "550 5.7.30 the list does not pass REQUIRETLS on to its members; send it without asking for that; "
      "questions: dev-owner@lists.example [rule: require-tls]");
  BOOST_TEST((refuse.post({}, "TLS-Required: No\n") == TlsRequest::kOptional));
  BOOST_TEST(says_no(refuse));
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_moderator_keeps_it_and_so_does_what_is_written_about_it) {
  Lists site("send", "editorkey");
  site.join("dev", {"eve@e.example"}, storage::Role::kEditor);
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, a_post("x@y.example"), kRequired).positive());
  std::size_t notices = 0;
  for (const auto& post : site.posts()) {
    BOOST_TEST((post.tls == TlsRequest::kRequired), post.subject);
    ++notices;
  }
  BOOST_TEST(notices == 2u);  // to the moderator and to the author
  std::string key;
  site.read([&](storage::Connection& c) {
    const auto held = storage::HeldStore(c).search({});
    TestSite::require(held);
    key = held->front().key;
  });
  const auto approved = site.send("eve@e.example", {"approve+" + key + "@lists.example"},
                                  a_post("eve@e.example", "<ok@e.example>"));
  BOOST_REQUIRE_MESSAGE(approved.positive(), approved.to_string());
  for (const auto& post : site.posts())
    if (post.kind == storage::PostKind::kList) BOOST_TEST((post.tls == TlsRequest::kRequired));
}

BOOST_AUTO_TEST_CASE(what_commands_are_answered_asks_for_the_same) {
  for (const bool required : {true, false}) {
    Lists site;
    TestSite::Asked asked;
    asked.require_tls = required;
    const std::string help = test::crlf("From: x@y.example\nSubject: HELP\nMessage-ID: <1@y.example>\n\n\n");
    const auto reply = site.send("x@y.example", {"sympa@lists.example"}, help, asked);
    BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
    BOOST_REQUIRE(site.posts().size() == 1u);
    BOOST_TEST((site.posts().front().tls == (required ? TlsRequest::kRequired : TlsRequest::kNone)));
  }
}

BOOST_AUTO_TEST_CASE(a_report_about_it_asks_for_the_same_and_returns_no_body) {
  for (const bool required : {true, false}) {
    Lists site;
    TestSite::Asked asked{.require_tls = required};
    asked.mail.ret = smtp::DsnReturn::kFull;
    const auto sent =
        site.send("x@y.example", {"dev-owner@lists.example"}, a_post("x@y.example", "<1@x>"), asked);
    BOOST_REQUIRE(sent.positive());
    const Id about = site.last_id;
    TestSite::require(site.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
      auto batch = storage::BatchStore(c).load(about, 0, true);
      TestSite::require(batch);
      storage::BatchRecord record = **batch;
      record.progress.recipients.resize(1);
      record.progress.replies.emplace_back("550 5.7.30 no REQUIRETLS there");
      record.progress.recipients[0].state = storage::RecipientState::kFailed;
      record.progress.recipients[0].reply = 1;
      record.failed = 1;
      record.pending = 0;
      record.queue = storage::BatchQueue::kFinished;
      return storage::BatchStore(c).save_unowned(record);
    }));
    site.clock.advance(std::chrono::minutes(1));
    TestSite::require(lists::make_reports(site.services));
    std::size_t reports = 0;
    for (const auto& post : site.posts()) {
      if (post.kind != storage::PostKind::kNotice) continue;
      ++reports;
      BOOST_TEST((post.tls == (required ? TlsRequest::kRequired : TlsRequest::kNone)));
      BOOST_TEST((site.rendering(post.id).find("Hello all") == std::string::npos) == required);
      BOOST_TEST((site.rendering(post.id).find("Status: 5.7.30") != std::string::npos));
    }
    BOOST_TEST(reports == 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
