// What comes in on its way from a session to the lists: who waits for whom, and what is verified.
#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "smtpd/intake/list_intake.h"
#include "tests/lists/site.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::test;
using smtpd::ListIntake;

namespace {

// Has no records but those it was given. Names in late.example are answered when the test says so.
class Names final : public FakeResolver {
 public:
  explicit Names(net::EventLoop& loop) : FakeResolver(loop), loop_(loop) {}
  void publish(const std::string& name, const std::string& text) {
    set_text(name, {text});
    known_.insert(name);
  }
  std::unique_ptr<dns::Query> text(const std::string& name,
                                   std::function<void(dns::TextAnswer)> done) override {
    if (name.ends_with("late.example")) {
      auto query = std::make_unique<LateQuery>();
      late_.push_back({query->wanted, std::move(done)});
      late_names_.push_back(name);
      ++late_questions;
      return query;
    }
    if (known_.insert(name).second) set_text(name, {}, dns::Status::kNoName);
    return FakeResolver::text(name, std::move(done));
  }
  void answer_late() {
    for (Late& late : std::exchange(late_, {})) {
      loop_.post([late = std::move(late)] {
        dns::TextAnswer answer;
        answer.status = dns::Status::kNoName;
        if (!late.wanted.expired()) late.done(answer);
      });
    }
  }
  bool has_asked_about(const std::string& domain) const {
    return std::any_of(late_names_.begin(), late_names_.end(),
                       [&](const std::string& name) { return name.ends_with(domain); });
  }
  std::size_t late_questions = 0;

 private:
  struct LateQuery : dns::Query {
    std::shared_ptr<bool> wanted = std::make_shared<bool>(true);
  };
  struct Late {
    std::weak_ptr<bool> wanted;
    std::function<void(dns::TextAnswer)> done;
  };
  net::EventLoop& loop_;
  std::set<std::string> known_;
  std::vector<Late> late_;
  std::vector<std::string> late_names_;
};

struct Sent {
  Id id = 0;
  std::atomic<int> code = 0;  // 0: no reply yet
  std::shared_ptr<smtpd::Awaited> awaited = std::make_shared<smtpd::Awaited>(true);
};

std::string message_id(int number) {
  return "<" + std::to_string(number) + "@client.example>";
}

const std::vector<std::string> kLists = {"one@lists.example", "two@lists.example", "three@lists.example"};

std::string of_30_kb(int number, const std::string& from = "ann@author.example") {
  std::string out = a_post(from, message_id(number));
  for (int line = 0; line < 300; ++line) out += std::string(98, 'x') + "\r\n";
  return out;
}

// Nothing is stored before its end.
class HeldWrites {
 public:
  explicit HeldWrites(storage::Database& database) {
    database.write(
        storage::Durability::kAccept,
        [this](storage::Connection&) -> Result<void> {
          holding_.set_value();
          going_.wait();
          return {};
        },
        [this](Result<void> done) { let_go_.set_value(std::move(done)); });
    holding_.get_future().wait();
  }
  ~HeldWrites() { end(); }
  HeldWrites(const HeldWrites&) = delete;
  HeldWrites& operator=(const HeldWrites&) = delete;

  void end() {
    if (!std::exchange(holds_, false)) return;
    go_.set_value();
    BOOST_TEST(let_go_.get_future().get().ok());
  }

 private:
  std::promise<void> holding_, go_;
  const std::shared_future<void> going_ = go_.get_future().share();
  std::promise<Result<void>> let_go_;
  bool holds_ = true;
};

struct Site : TestSite {
  explicit Site(smtpd::VerificationOptions options = {}, std::uint64_t in_flight = 100'000) {
    options.patience = std::chrono::minutes(10);
    std::vector<smtpd::Verification::Place> places;
    places.push_back({&loop, &names});
    intake = std::make_unique<ListIntake>(
        services, "mx.example", in_flight,
        std::make_unique<smtpd::Verification>(std::move(places), std::move(options)), "mx.example");
  }

  ~Site() {
    intake.reset();
    loop.post([] {});
    loop.run_turn();  // what the last look-ups have left to do
  }

  // Nobody's names are looked up.
  void trust_everybody() {
    intake = std::make_unique<ListIntake>(
        services, "mx.example", 100'000,
        std::make_unique<smtpd::Verification>(std::vector<smtpd::Verification::Place>{},
                                              smtpd::VerificationOptions{}),
        "mx.example");
  }
  void make_lists() {
    for (const char* name : {"one", "two", "three"})
      make_list(name, {{"post", "anyone"}}, {"m@example.org"}, {"o@example.org"});
  }
  smtpd::RecipientAnswer ask(const smtpd::TransactionInfo& transaction, const std::string& to) {
    std::promise<smtpd::RecipientAnswer> answer;
    intake->check_recipient(transaction, address(to),
                            [&answer](smtpd::RecipientAnswer a) { answer.set_value(std::move(a)); });
    return answer.get_future().get();
  }
  std::shared_ptr<Sent> send_from(const std::string& ip, const std::string& from, const std::string& to,
                                  const std::string& content,
                                  std::optional<smtpd::ForwardedClient> forwarded = {}) {
    return send_to({to}, ip, from, content, std::move(forwarded));
  }
  std::shared_ptr<Sent> send_to(const std::vector<std::string>& recipients, const std::string& ip,
                                const std::string& from, const std::string& content,
                                std::optional<smtpd::ForwardedClient> forwarded = {}) {
    auto sent = std::make_shared<Sent>();
    auto message = std::make_unique<smtpd::IncomingMessage>();
    smtpd::TransactionInfo& transaction = message->transaction;
    transaction.post_id = sent->id = ids.next();
    transaction.reverse_path = address(from);
    transaction.client.ip = ip;
    transaction.client.helo = "client.example";
    transaction.client.forwarded = std::move(forwarded);
    for (const std::string& to : recipients) {
      auto target = ask(transaction, to);
      BOOST_REQUIRE_MESSAGE(target.reply.positive(), target.reply.to_string());
      message->recipients.push_back({address(to), target.target});
    }
    message->content = std::make_unique<smtp::MessageBuffer>(budget, spill.path());
    require(message->content->append(content));
    message->received = clock.wall_now();
    message->awaited = sent->awaited;
    intake->submit(std::move(message), [sent](const smtp::Reply& reply) { sent->code = reply.code; });
    return sent;
  }
  std::shared_ptr<Sent> send_small(const std::string& ip, int number) {
    return send_from(ip, "ann@author.example", "one@lists.example",
                     a_post("ann@author.example", message_id(number)));
  }
  // All names are answered. They post to the loop when they are done, or not at all: it must not sleep.
  bool run(const std::function<bool()>& condition) {
    return run_until(loop, [&] {
      names.answer_late();
      loop.post([] {});
      return condition();
    });
  }
  bool all_answered(const std::vector<std::shared_ptr<Sent>>& all) {
    return run([&] {
      return std::all_of(all.begin(), all.end(), [](const auto& sent) { return sent->code != 0; });
    });
  }

  net::EventLoop loop{"test"};
  Names names{loop};
  smtp::MemoryBudget budget{10'000'000};
  TempDir spill;
  std::unique_ptr<ListIntake> intake;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(list_intake)

BOOST_AUTO_TEST_CASE(large_messages_with_late_names_keep_nobody_waiting) {
  Site site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  std::vector<std::shared_ptr<Sent>> large;
  for (int i = 0; i < 3; ++i) {
    std::string content = a_post("eve@late.example", message_id(i));
    for (int line = 0; line < 1'000; ++line) content += std::string(88, 'x') + "\r\n";
    large.push_back(site.send_from("192.0.2.1", "eve@late.example", "dev@lists.example", content));
  }
  const auto small = site.send_from("198.51.100.1", "ann@author.example", "dev@lists.example",
                                    a_post("ann@author.example", message_id(9)));
  BOOST_REQUIRE(run_until(site.loop, [&] {
    site.loop.post([] {});
    return small->code != 0;
  }));
  BOOST_TEST(small->code == 250);
  for (const auto& one : large) BOOST_TEST(one->code == 0);
  BOOST_REQUIRE(site.all_answered(large));
  for (const auto& one : large) BOOST_TEST(one->code == 250);
  BOOST_TEST(site.posts().size() == 4);
}

// Each target has a text of its own, in memory until it is stored.
BOOST_AUTO_TEST_CASE(what_a_message_is_with_all_its_targets_is_within_the_bound) {
  Site site;
  site.trust_everybody();
  site.make_lists();
  HeldWrites held(*site.database);
  const auto large = site.send_to(kLists, "192.0.2.1", "ann@author.example", of_30_kb(1));
  // A small one has room beside it.
  const auto small = site.send_small("203.0.113.1", 2);
  *small->awaited = false;
  const auto second = site.send_to(kLists, "198.51.100.1", "ann@author.example", of_30_kb(3));
  *second->awaited = false;
  // Also when another large one has come before it.
  const auto after = site.send_small("203.0.114.1", 4);
  *after->awaited = false;
  const auto third = site.send_to(kLists, "198.51.100.1", "ann@author.example", of_30_kb(5));
  const auto of_the_same = site.send_small("198.51.100.1", 6);
  *of_the_same->awaited = false;
  const auto fourth = site.send_to(kLists, "192.0.2.1", "ann@author.example", of_30_kb(7));
  BOOST_TEST(second->code == 451);  // it had not begun
  BOOST_TEST(large->code == 0);
  BOOST_TEST(site.intake->waiting().large == 2U);
  held.end();
  const std::vector<std::shared_ptr<Sent>> stored = {large, small, after, third, of_the_same, fourth};
  BOOST_REQUIRE(site.all_answered(stored));
  BOOST_TEST(site.intake->waiting().large + site.intake->waiting().small == 0U);
  for (const auto& one : stored) BOOST_TEST(one->code == 250);
  BOOST_TEST(site.posts().size() == 12);
}

BOOST_AUTO_TEST_CASE(what_has_a_form_in_7_bits_too_counts_twice) {
  for (const bool ascii : {true, false}) {
    Site site;
    site.trust_everybody();
    site.make_lists();
    HeldWrites held(*site.database);
    std::vector<std::shared_ptr<Sent>> all;
    for (const int number : {1, 2})
      all.push_back(site.send_to({kLists[0]}, "192.0." + std::to_string(number) + ".1", "ann@author.example",
                                 of_30_kb(number) + (ascii ? "cafe\r\n" : "caf\xc3\xa9\r\n")));
    *all[1]->awaited = false;
    all.push_back(site.send_small("192.0.2.1", 3));
    BOOST_TEST(all[1]->code == (ascii ? 0 : 451));  // it had begun or not
    held.end();
    BOOST_REQUIRE(site.all_answered(all));
    for (const auto& one : all) BOOST_TEST(one->code == (one != all[1] || ascii ? 250 : 451));
  }
}

BOOST_AUTO_TEST_CASE(small_messages_do_not_keep_a_large_one_waiting_for_ever) {
  Site site;
  site.trust_everybody();
  site.make_lists();
  std::string fill;
  for (int line = 0; line < 100; ++line) fill += std::string(98, 'x') + "\r\n";
  HeldWrites held(*site.database);
  std::vector<std::shared_ptr<Sent>> all;
  const auto send_small = [&](int number) {
    all.push_back(site.send_to({kLists[0]}, "192.0." + std::to_string(number) + ".1", "ann@author.example",
                               a_post("ann@author.example", message_id(number)) + fill));
    return all.back();
  };
  for (const int number : {1, 2, 3}) *send_small(number)->awaited = false;
  all.push_back(site.send_to(kLists, "198.51.100.1", "ann@author.example", of_30_kb(4)));
  const auto late = send_small(5);
  *late->awaited = false;
  send_small(5);
  BOOST_TEST(late->code == 451);  // though it had room: the large one is next
  held.end();
  BOOST_REQUIRE(site.all_answered(all));
  for (const auto& one : all) BOOST_TEST(one->code == (one == late ? 451 : 250));
}

// They want room for their texts when their names are looked up.
BOOST_AUTO_TEST_CASE(large_messages_that_are_verified_wait_beside_small_ones) {
  Site site({}, 150'000);  // for the texts of one, and the content of another
  site.make_lists();
  HeldWrites held(*site.database);
  const auto large =
      site.send_to(kLists, "192.0.2.1", "eve@first.late.example", of_30_kb(1, "eve@first.late.example"));
  // Its content is given to the lists.
  BOOST_REQUIRE(site.run([&] { return site.budget.used() == 0; }));
  const auto second =
      site.send_to(kLists, "198.51.100.1", "eve@second.late.example", of_30_kb(2, "eve@second.late.example"));
  BOOST_REQUIRE(site.run([&] { return site.names.has_asked_about("second.late.example"); }));
  int turns = 0;
  BOOST_REQUIRE(site.run([&] { return ++turns > 1'000; }));
  const std::uint64_t waits = site.budget.used();
  BOOST_TEST(waits > 0U);
  const auto small = site.send_small("203.0.113.1", 3);
  BOOST_TEST(site.budget.used() > waits);
  BOOST_TEST(site.run([&] { return site.budget.used() == waits; }));
  for (const auto& one : {large, second, small}) BOOST_TEST(one->code == 0);
  held.end();
  BOOST_REQUIRE(site.all_answered({large, second, small}));
  for (const auto& one : {large, second, small}) BOOST_TEST(one->code == 250);
  BOOST_TEST(site.posts().size() == 7);
  BOOST_TEST(site.budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(how_many_recipients_there_may_be_goes_by_the_size_that_is_declared) {
  Site site;
  site.make_list("dev", {}, {}, {"o@example.org"});
  smtpd::TransactionInfo transaction;
  transaction.reverse_path = address("ann@author.example");
  const auto most = [&](std::optional<std::uint64_t> declared) {
    transaction.declared_size = declared;
    return site.ask(transaction, "dev-owner@lists.example").most_together;
  };
  BOOST_TEST(most(std::nullopt) == 0U);
  BOOST_TEST(most(0) == 0U);
  BOOST_TEST(most(25'000'000) == 4U);
  BOOST_TEST(most(20'000'000) == 5U);
  BOOST_TEST(most(200'000) == 596U);
  BOOST_TEST(most(1'000'000'000) == 1U);
  transaction.client.login =
      std::make_shared<const sasl::Login>(sasl::Login{"ann", "PLAIN", {"ann@author.example"}, true});
  BOOST_TEST(most(25'000'000) == 10U);
  transaction.declared_size = 25'000'000;
  BOOST_TEST(site.ask(transaction, "bob@elsewhere.example").most_together == 10U);
}

// All mail of a site comes from there: what one stranger sends keeps that of others waiting nowhere.
BOOST_AUTO_TEST_CASE(a_relay_of_which_nobody_is_judged_is_not_one_client) {
  smtpd::VerificationOptions options;
  options.judges = false;
  Site site(options);
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  std::vector<std::shared_ptr<Sent>> late;
  for (std::size_t i = 0; i < ListIntake::kMostOfOne + 2; ++i)
    late.push_back(site.send_from("192.0.2.1", "eve@late.example", "dev@lists.example",
                                  a_post("eve@late.example", message_id(static_cast<int>(i)))));
  const auto other = site.send_from("192.0.2.1", "ann@author.example", "dev@lists.example",
                                    a_post("ann@author.example", "<other@client.example>"));
  BOOST_TEST(run_until(site.loop, [&] {
    site.loop.post([] {});
    return other->code != 0;
  }));
  BOOST_TEST(other->code == 250);
  for (const auto& one : late) BOOST_TEST(one->code == 0);
  BOOST_REQUIRE(site.all_answered(late));
}

BOOST_AUTO_TEST_CASE(headers_that_wait_for_names_are_within_the_bound) {
  std::string fill;
  for (int line = 0; line < 1'000; ++line) fill += "X-Fill: " + std::string(52, 'x') + "\n";
  for (const bool ends : {true, false}) {
    Site site;  // for 100'000 octets: two of these headers are beyond it
    site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
    std::vector<std::shared_ptr<Sent>> all;
    const auto send = [&](int number) {
      const std::string author = "eve@x" + std::to_string(number) + ".late.example";
      all.push_back(site.send_from("192.0." + std::to_string(number) + ".1", author, "dev@lists.example",
                                   a_post(author, message_id(number), fill)));
    };
    for (const int number : {1, 2}) {
      send(number);
      BOOST_REQUIRE(run_until(site.loop, [&] {
        site.loop.post([] {});
        return site.names.has_asked_about("x" + std::to_string(number) + ".late.example");
      }));
    }
    send(3);
    if (!ends) {
      BOOST_REQUIRE(site.all_answered(all));
      for (const auto& one : all) BOOST_TEST(one->code == 250);
      continue;
    }
    auto ended = std::async(std::launch::async, [&] { site.intake->finish(); });
    BOOST_TEST(run_until(site.loop, [&] {
      site.loop.post([] {});
      return all.back()->code != 0;
    }));
    BOOST_TEST(site.all_answered(all));
    ended.get();
    BOOST_TEST(all.back()->code == 421);  // it had not begun
    for (const int begun : {0, 1}) BOOST_TEST(all[static_cast<std::size_t>(begun)]->code != 421);
  }
}

BOOST_AUTO_TEST_CASE(what_waits_for_its_turn_is_dropped_when_its_client_is_gone) {
  Site site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  std::vector<std::shared_ptr<Sent>> all;
  const auto send = [&](const std::string& ip) {
    const int number = static_cast<int>(all.size());
    all.push_back(site.send_from(ip, "eve@late.example", "dev@lists.example",
                                 a_post("eve@late.example", message_id(number))));
  };
  for (std::size_t i = 0; i < ListIntake::kMostOfOne + 2; ++i) send("192.0.2.1");
  const auto gone = all.back();
  *gone->awaited = false;
  send("192.0.2.77");  // of the same network
  BOOST_TEST(gone->code == 451);
  const auto other = site.send_from("198.51.100.1", "ann@author.example", "dev@lists.example",
                                    a_post("ann@author.example", "<other@client.example>"));
  BOOST_REQUIRE(run_until(site.loop, [&] {
    site.loop.post([] {});
    return other->code != 0;
  }));
  BOOST_TEST(site.names.late_questions <= mailauth::QuestionTurns::kOfOne);
  BOOST_REQUIRE(site.all_answered(all));
  std::set<Id> stored;
  for (const auto& post : site.posts()) stored.insert(post.id);
  for (const auto& one : all) BOOST_TEST(stored.contains(one->id) == (one != gone));
}

BOOST_AUTO_TEST_CASE(the_end_waits_for_no_name_server) {
  Site site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  const auto sent =
      site.send_from("192.0.2.1", "eve@late.example", "dev@lists.example", a_post("eve@late.example"));
  BOOST_REQUIRE(run_until(site.loop, [&] { return site.names.late_questions > 0; }));
  *sent->awaited = false;  // the session was cut
  auto ended = std::async(std::launch::async, [&] { site.intake->finish(); });
  const bool in_time = run_until(site.loop, [&] {
    site.loop.post([] {});
    return sent->code != 0;
  });
  BOOST_TEST(in_time);
  if (!in_time) BOOST_TEST(site.all_answered({sent}));
  ended.get();
  BOOST_TEST(sent->code == 451);
  BOOST_TEST(site.posts().empty());
}

// Everybody on the internet comes from there, and it stands in our own SPF record.
BOOST_AUTO_TEST_CASE(the_address_of_a_relay_of_ours_vouches_for_nobody) {
  for (const bool is_relay : {false, true}) {
    smtpd::VerificationOptions options;
    if (is_relay) options.relays = {*parse_network("192.0.2.0/28")};
    Site site(options);
    site.names.publish("uni.example", "v=spf1 ip4:192.0.2.5 -all");
    site.make_list("sure", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"m@example.org"});
    const auto forged =
        site.send_from("192.0.2.5", "x@uni.example", "sure@lists.example", a_post("rector@uni.example"));
    BOOST_REQUIRE(site.all_answered({forged}));
    BOOST_TEST(forged->code == (is_relay ? 550 : 250));
  }
}

BOOST_AUTO_TEST_CASE(of_what_a_relay_hands_on_the_address_counts_that_it_names) {
  smtpd::VerificationOptions options;
  options.relays = {*parse_network("192.0.2.0/28")};
  Site site(options);
  site.names.publish("uni.example", "v=spf1 ip4:198.51.100.7 ip4:192.0.2.5 -all");
  site.make_list("sure", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"m@example.org"});
  struct Row {
    const char* named;
    int code;
  };
  // The last is another relay of ours.
  for (const Row& row : {Row{"198.51.100.7", 250}, Row{"203.0.113.9", 550}, Row{"192.0.2.6", 550}}) {
    const auto sent =
        site.send_from("192.0.2.5", "x@uni.example", "sure@lists.example",
                       a_post("rector@uni.example", std::string("<") + row.named + "@client.example>"),
                       smtpd::ForwardedClient{row.named, "mail.uni.example", "mail.uni.example"});
    BOOST_REQUIRE(site.all_answered({sent}));
    BOOST_TEST(sent->code == row.code, row.named);
  }
}

BOOST_AUTO_TEST_CASE(authors_are_protected_where_nobody_is_judged) {
  smtpd::VerificationOptions options;
  options.judges = false;
  Site site(options);
  site.names.publish("_dmarc.author.example", "v=DMARC1; p=reject");
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "dev"}, {"dmarc_failure", "refuse"}},
                 {"m@example.org"});
  const auto sent = site.send_from("192.0.2.5", "ann@author.example", "dev@lists.example",
                                   a_post("Ann <ann@author.example>"));
  BOOST_REQUIRE(site.all_answered({sent}));
  BOOST_TEST(sent->code == 250);
  const std::string text = site.rendering(sent->id);
  BOOST_TEST(text.find("From: Ann via dev <dev@lists.example>\r\n") != std::string::npos, text);
  for (const char* none : {"X-Unauthenticated-Author", "Authentication-Results"})
    BOOST_TEST(text.find(none) == std::string::npos, text);
}

BOOST_AUTO_TEST_SUITE_END()
