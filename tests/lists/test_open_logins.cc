// Who has logged in and is in a session still, when the account is changed.
#include "core/sasl/login.h"
#include "lists/site_texts.h"
#include "storage/account_store.h"
#include "storage/held_store.h"
#include "tests/lists/mailbox.h"

using namespace essaim;
using namespace essaim::test;
using storage::AccountStore;

namespace {

struct Submitters : TestSite {
  Submitters() {
    make_list("dev", {}, {"ann@a.example", "bob@b.example"});
    storage::AccountRecord ann;
    ann.name = "ann";
    ann.addresses = {"ann@a.example"};
    ann.created = ann.changed = from_millis(1'000);
    change([&](AccountStore accounts) { return accounts.add(ann); });
  }
  void change(const std::function<Result<void>(AccountStore)>& what) {
    require(database->write_now(storage::Durability::kAccept,
                                [&](storage::Connection& c) { return what(AccountStore(c)); }));
  }
  // As `essaim account set` does it.
  void set(WallTime when, const std::function<void(storage::AccountRecord*)>& what) {
    change([&](AccountStore accounts) {
      auto account = **accounts.find("ann");
      what(&account);
      account.changed = when;
      return accounts.update(account);
    });
  }
  static std::shared_ptr<const sasl::Login> login(const std::string& account, WallTime changed) {
    return std::make_shared<const sasl::Login>(
        sasl::Login{account, "PLAIN", {"ann@a.example"}, true, changed});
  }
  // One more message in the session of this login.
  std::string post(const std::shared_ptr<const sasl::Login>& login,
                   const std::string& to = "dev@lists.example") {
    auto submission = std::make_shared<lists::Submission>();
    submission->id = last_id = ids.next();
    submission->login = login;
    submission->auth = lists::scenario::Auth::kSmtpAuth;
    submission->reverse_path = address("ann@a.example");
    submission->content = a_post("ann@a.example", "<" + format_id(last_id) + "@a.example>");
    submission->recipients.push_back({recipient(to), rcpt(to).target, {}});
    const smtp::Reply reply = submit(submission);
    return std::to_string(reply.code) + (reply.code == 250 ? "" : " " + reply.text);
  }
};

const std::string kOver = "421 Your account has changed since you logged in, log in again";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(open_logins, Submitters)

BOOST_AUTO_TEST_CASE(a_session_ends_with_the_account_as_it_was) {
  const auto first = login("ann", from_millis(1'000));
  BOOST_TEST(post(first) == "250");
  BOOST_TEST(post(first) == "250");
  BOOST_TEST(posts().size() == 2U);
  for (const auto& post : posts()) BOOST_TEST(post.account == "ann");
  set(from_millis(2'000), [](auto* account) { account->disabled = true; });
  // Also where the lists know the author already, and for the addresses beside the list.
  BOOST_TEST(post(first) == kOver);
  BOOST_TEST(post(first, "dev-request@lists.example") == kOver);
  set(from_millis(3'000), [](auto* account) { account->disabled = false; });
  BOOST_TEST(post(first) == kOver);
  const auto again = login("ann", from_millis(3'000));
  BOOST_TEST(post(again) == "250");
  set(from_millis(4'000), [](auto* account) { account->password = "$y$another"; });
  BOOST_TEST(post(again) == kOver);
  const auto last = login("ann", from_millis(4'000));
  BOOST_TEST(post(last) == "250");
  change([](AccountStore accounts) { return accounts.remove("ann"); });
  BOOST_TEST(post(last) == kOver);
  BOOST_TEST(posts().size() == 4U);
}

// A directory alone knows them, until somebody makes an account of that name to lock it.
BOOST_AUTO_TEST_CASE(so_it_is_for_who_has_no_account_here) {
  const auto carl = login("carl", {});
  BOOST_TEST(post(carl) == "250");
  storage::AccountRecord locked;
  locked.name = "carl";
  locked.disabled = true;
  locked.created = locked.changed = from_millis(5'000);
  change([&](AccountStore accounts) { return accounts.add(locked); });
  BOOST_TEST(post(carl) == kOver);
}

// What a stolen account sent is found by its name also when a moderator, or the author with a key, has let it pass.
BOOST_AUTO_TEST_CASE(a_post_that_waited_is_of_the_account_that_sent_it) {
  make_list("held", {{"send", "editorkey"}}, {"ann@a.example"});
  lists::SiteTexts texts(*database, clock);
  require(
      texts.set({}, storage::TextKind::kScenario, "send.mine", "true() smtp -> request_auth,editorkey\n"));
  make_list("sure", {{"send", "mine"}}, {"ann@a.example"});
  for (const char* list : {"held", "sure"}) join(list, {"ed@e.example"}, storage::Role::kEditor);
  const auto ann = login("ann", from_millis(1'000));
  BOOST_TEST(post(ann, "held@lists.example").starts_with("250"));
  BOOST_TEST(post(ann, "sure@lists.example").starts_with("250"));
  send("ann@a.example", {last_question(*this, "ann@a.example").field("Reply-To")},
       a_mail("ann@a.example", "Re: x", "yes\n", ""));
  std::vector<storage::HeldRecord> waiting;
  read([&](storage::Connection& c) {
    auto found = storage::HeldStore(c).search({});
    require(found);
    waiting = *found;
  });
  BOOST_REQUIRE(waiting.size() == 2U);
  for (const auto& one : waiting)
    send("ed@e.example", {"approve+" + one.key + "@lists.example"}, a_mail("ed@e.example", "Re: x", "", ""));
  BOOST_TEST(list_posts(*this) == 2U);
  for (const auto& one : posts()) {
    if (one.kind == storage::PostKind::kList) BOOST_TEST(one.account == "ann");
  }
}

BOOST_AUTO_TEST_CASE(who_is_not_logged_in_is_not_asked_for_an_account) {
  change([](AccountStore accounts) { return accounts.remove("ann"); });
  BOOST_TEST(send("ann@a.example", {"dev@lists.example"}, a_post("ann@a.example")).code == 250);
  BOOST_TEST(posts().front().account.empty());
}

BOOST_AUTO_TEST_SUITE_END()
