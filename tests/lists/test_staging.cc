// What is large is stored before the transaction that accepts it, where the database wants small ones.
#include <algorithm>
#include <atomic>
#include <utility>

#include "lists/held/job.h"
#include "lists/relay.h"
#include "lists/staging.h"
#include "storage/held_store.h"
#include "storage/sql.h"
#include "tests/lists/mailbox.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::TestSite;

namespace {

// Another engine that wants small transactions, and puts down how much text its works have stored.
class SmallTransactions final : public storage::Database {
 public:
  explicit SmallTransactions(storage::Database& database) : database_(database) {}

  void read(storage::Work work, storage::Done done) override {
    database_.read(std::move(work), std::move(done));
  }
  void read_latest(storage::Work work, storage::Done done) override {
    ++latest_reads;
    database_.read_latest(std::move(work), std::move(done));
  }
  void look(storage::Work work, storage::Done done) override {
    database_.look(std::move(work), std::move(done));
  }
  void write(storage::Durability durability, storage::Work work, storage::Done done) override {
    const auto measured = [this, work = std::move(work)](storage::Connection& c) -> Result<void> {
      const std::int64_t before = octets(c);
      ESSAIM_TRY(work(c));
      most_ = std::max(most_.load(), octets(c) - before);
      return {};
    };
    if (const storage::Work first = std::exchange(before_next, nullptr))
      database_.write(storage::Durability::kAccept, first,
                      [](const Result<void>& result) { ESSAIM_CHECK(result.ok()); });
    database_.write(durability, measured, std::move(done));
  }
  bool wants_small_transactions() const override { return true; }
  Result<void> backup(const std::string& file) override { return database_.backup(file); }
  Result<void> check() override { return database_.check(); }
  Result<void> check_settings() override { return database_.check_settings(); }
  Counters counters() const override { return database_.counters(); }
  bool healthy() const override { return database_.healthy(); }

  std::int64_t most() const { return most_.load(); }
  std::atomic<int> latest_reads{0};
  storage::Work before_next;  // is done once, in a transaction of its own before the next

 private:
  static std::int64_t octets(storage::Connection& c) {
    std::int64_t out = 0;
    for (const char* table : {"rendering", "held_message"}) {
      const auto sum =
          storage::sql::number(c, 0, std::string("SELECT CAST(SUM(LENGTH(data)) AS SIGNED) FROM ") + table);
      if (sum.ok()) out += *sum;
    }
    return out;
  }

  storage::Database& database_;
  std::atomic<std::int64_t> most_{0};
};

struct Site : TestSite {
  Site() { services.database = &small; }

  smtp::Reply relay(int recipients, std::size_t octets) {
    auto submission = std::make_shared<lists::Submission>();
    submission->id = last_id = ids.next();
    submission->reverse_path = test::address("x@y.example");
    submission->login = std::make_shared<const sasl::Login>(sasl::Login{"x", "PLAIN", {"x@y.example"}, true});
    const std::string message_id = "<" + format_id(last_id) + "@y.example>";
    submission->content = test::a_post("x@y.example", message_id,
                                       "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                                       "Content-Transfer-Encoding: 8bit\n") +
                          "Grüße\r\n";
    while (submission->content.size() < octets) submission->content += std::string(70, 'x') + "\r\n";
    for (int i = 0; i < recipients; ++i) {
      const smtp::Address to = test::address("u" + std::to_string(i) + "@elsewhere.example");
      submission->recipients.push_back({to, lists::relay_target(to)});
    }
    return submit(std::move(submission));
  }

  SmallTransactions small{*database};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(list_staging)

BOOST_FIXTURE_TEST_CASE(what_is_large_by_the_number_of_its_recipients_goes_in_small_transactions, Site) {
  const struct {
    int recipients;
    std::size_t octets;
  } rows[] = {{20, 300'000}, {40, 40'000}, {2, 700'000}};
  std::size_t posts_before = 0;
  for (const auto& row : rows) {
    const auto reply = relay(row.recipients, row.octets);
    BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
    const auto found = posts();
    BOOST_TEST(found.size() == posts_before + static_cast<std::size_t>(row.recipients));
    posts_before = found.size();
    const std::string as_is = rendering(last_id), seven_bit = rendering(last_id, storage::Form::kSevenBit);
    BOOST_TEST(as_is.size() > row.octets);
    BOOST_TEST(seven_bit.find("Gr=C3=BC=C3=9Fe") != std::string::npos);
    int alike = 0;
    for (const auto& post : found) {
      if (post.size != static_cast<std::int64_t>(as_is.size())) continue;
      ++alike;
      BOOST_TEST((rendering(post.id) == as_is));
      BOOST_TEST((rendering(post.id, storage::Form::kSevenBit) == seven_bit));
    }
    BOOST_TEST(alike == row.recipients);
  }
  BOOST_TEST(small.most() > 0);
  BOOST_TEST(small.most() <= 512 << 10);
}

BOOST_FIXTURE_TEST_CASE(a_large_post_that_waits_and_its_question_go_in_small_transactions, Site) {
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  make_list("news", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  std::string content = test::a_post("ann@x.example", "<large@x.example>",
                                     "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                                     "Content-Transfer-Encoding: 8bit\n") +
                        "Grüße\r\n";
  while (content.size() < 1'500'000) content += std::string(70, 'x') + "\r\n";
  const auto reply = send("ann@x.example", {"dev@lists.example", "news@lists.example"}, content);
  BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
  BOOST_TEST(small.most() > 0);
  BOOST_TEST(small.most() <= 512 << 10);
  std::string approve;
  const auto held = [this](bool decided) {
    std::vector<storage::HeldRecord> out;
    read([&](storage::Connection& c) {
      storage::HeldFilter filter;
      filter.decided = decided;
      auto found = storage::HeldStore(c).search(filter);
      require(found);
      out = *std::move(found);
    });
    return out;
  };
  BOOST_REQUIRE(held(false).size() == 2U);
  for (const storage::HeldRecord& one : held(false)) {
    read([&](storage::Connection& c) {
      auto message = storage::HeldStore(c).message(one.id);
      require(message);
      BOOST_TEST((*message == content));
    });
    approve = "approve+" + one.key + "@lists.example";
  }
  std::size_t questions = 0;
  for (const test::Letter& letter : test::letters_to(*this, "own@o.example")) {
    if (letter.key().empty()) continue;
    ++questions;
    BOOST_TEST(letter.says("it is attached"), letter.text);
    BOOST_TEST((letter.whole.find(content) != std::string::npos));
    const std::string seven_bit = rendering(letter.id, storage::Form::kSevenBit);
    BOOST_TEST(seven_bit.find("Gr=C3=BC=C3=9Fe") != std::string::npos);
    BOOST_TEST(seven_bit.size() > content.size());
  }
  BOOST_TEST(questions == 2U);

  // It is whole when it goes out, and the job takes away what is left of it.
  BOOST_TEST(send("own@o.example", {approve}, test::a_mail("own@o.example", "Re: x", "")).positive());
  BOOST_TEST(test::list_posts(*this) == 1U);
  BOOST_TEST(held(false).size() == 1U);
  require(lists::look_after_held(services));
  read([&](storage::Connection& c) {
    BOOST_TEST(*storage::sql::number(c, 0, "SELECT COUNT(DISTINCT held_id) FROM held_message") == 1);
  });
}

// Who was removed while the post was under way must not get it, with a key that decides about it.
BOOST_AUTO_TEST_CASE(who_is_asked_about_a_post_are_those_who_moderate_when_it_is_stored) {
  for (const bool is_large : {false, true}) {
    BOOST_TEST_CONTEXT((is_large ? "large" : "small")) {
      Site site;
      site.make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
      site.join("dev", {"stays@o.example", "gone@o.example"}, storage::Role::kEditor);
      Id list = 0;
      site.read([&](storage::Connection& c) {
        auto found = storage::DirectoryStore(c).find_list("dev", "lists.example");
        TestSite::require(found);
        list = (*found)->id;
      });
      site.small.before_next = [list](storage::Connection& c) -> Result<void> {
        storage::MemberStore members(c);
        const auto revision = members.next_revision(list);
        if (!revision.ok()) return revision.error();
        return members.remove(list, storage::Role::kEditor, test::address("gone@o.example"), *revision);
      };
      std::string content = test::a_post("ann@x.example");
      while (is_large && content.size() < 1'500'000) content += std::string(70, 'x') + "\r\n";
      const auto reply = site.send("ann@x.example", {"dev@lists.example"}, content);
      BOOST_REQUIRE_MESSAGE(reply.positive(), reply.to_string());
      // Where a read may lag, another one might find the same.
      BOOST_TEST(site.small.latest_reads == 1);
      const auto gone = test::letters_to(site, "gone@o.example");
      BOOST_TEST(
          std::all_of(gone.begin(), gone.end(), [](const auto& letter) { return letter.key().empty(); }));
      const test::Letter question = test::last_question(site, "stays@o.example");
      BOOST_TEST((question.whole.find(content) != std::string::npos));
      const std::string approve = question.address("approve");
      BOOST_TEST(
          site.send("stays@o.example", {approve}, test::a_mail("stays@o.example", "Re: x", "")).positive());
      BOOST_TEST(test::list_posts(site) == 1U);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_form_of_any_size_that_was_staged_is_not_stored_again, Site) {
  const std::string large = std::string(300'000, 'x');
  const Id id = ids.next();
  std::promise<Result<void>> done;
  lists::stage(small, {{id, storage::Form::kAsIs, large}, {id + 1, storage::Form::kAsIs, large}},
               [&done](Result<void> result) { done.set_value(std::move(result)); });
  TestSite::require(done.get_future().get());
  require(small.write_now(storage::Durability::kAccept, [&](storage::Connection& c) {
    storage::PostRecord post;
    post.id = id;
    post.staged = true;
    return storage::PostStore(c).add(post, large, "seven");
  }));
  BOOST_TEST((rendering(id) == large));
  BOOST_TEST(rendering(id, storage::Form::kSevenBit) == "seven");
}

BOOST_AUTO_TEST_SUITE_END()
