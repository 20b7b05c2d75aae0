// What is large is stored before the transaction that accepts it, where the database wants small ones.
#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "lists/held/job.h"
#include "lists/held/prepare.h"
#include "lists/relay.h"
#include "lists/staging.h"
#include "storage/fault.h"
#include "storage/held_store.h"
#include "storage/held_trail.h"
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
  bool wants_small_transactions() const override { return wants; }
  Result<void> backup(const std::string& file) override { return database_.backup(file); }
  Result<void> check() override { return database_.check(); }
  Result<void> check_settings() override { return database_.check_settings(); }
  Counters counters() const override { return database_.counters(); }
  bool healthy() const override { return database_.healthy(); }

  std::int64_t most() const { return most_.load(); }
  void forget_most() { most_ = 0; }
  std::atomic<int> latest_reads{0};
  bool wants = true;
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

  // A post for the moderators, or its author, of "dev"; of some 400 KB, and its forms of twice that.
  smtp::Reply send_large(std::size_t octets = 400'000) {
    const std::string message_id = "<" + std::to_string(++sent_) + "@x.example>";
    std::string content = test::a_post("ann@x.example", message_id,
                                       "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                                       "Content-Transfer-Encoding: 8bit\n") +
                          "Grüße\r\n";
    while (content.size() < octets) content += std::string(70, 'x') + "\r\n";
    return send("ann@x.example", {"dev@lists.example"}, content + "The end\r\n");
  }
  std::vector<storage::HeldRecord> held() {
    std::vector<storage::HeldRecord> out;
    read([&](storage::Connection& c) {
      auto found = storage::HeldStore(c).search({});
      require(found);
      out = *std::move(found);
    });
    return out;
  }
  // Each that went out has both of its forms, whole.
  void require_whole_posts() {
    for (const auto& post : posts()) {
      if (post.kind != storage::PostKind::kList) continue;
      const std::string as_is = rendering(post.id);
      BOOST_TEST(as_is.size() == static_cast<std::size_t>(post.size));
      BOOST_TEST(as_is.find("Grüße\r\n") != std::string::npos);
      BOOST_TEST(as_is.ends_with("The end\r\n"));
      const std::string seven_bit = rendering(post.id, storage::Form::kSevenBit);
      BOOST_TEST(seven_bit.find("Gr=C3=BC=C3=9Fe\r\n") != std::string::npos);
      BOOST_TEST(seven_bit.ends_with("The end\r\n"));
    }
  }

  SmallTransactions small{*database};

 private:
  int sent_ = 0;
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
  BOOST_REQUIRE(held().size() == 2U);
  for (const storage::HeldRecord& one : held()) {
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

  // It is whole when it goes out, which is no large transaction either, and the job takes away what is left of it.
  BOOST_TEST(send("own@o.example", {approve}, test::a_mail("own@o.example", "Re: x", "")).positive());
  BOOST_TEST(small.most() <= 512 << 10);
  BOOST_TEST(test::list_posts(*this) == 1U);
  BOOST_TEST(held().size() == 1U);
  require(lists::look_after_held(services));
  read([&](storage::Connection& c) {
    BOOST_TEST(*storage::sql::number(c, 0, "SELECT COUNT(DISTINCT held_id) FROM held_message") == 1);
  });
}

BOOST_AUTO_TEST_CASE(a_large_post_is_let_go_in_small_transactions_whoever_lets_it_go) {
  enum class How { kReply, kCommand, kPrepared, kAuthor, kAuthorThenModerator };
  for (const How how :
       {How::kReply, How::kCommand, How::kPrepared, How::kAuthor, How::kAuthorThenModerator}) {
    BOOST_TEST_CONTEXT("way " << static_cast<int>(how)) {
      Site site;
      const bool by_author = how == How::kAuthor || how == How::kAuthorThenModerator;
      const char* const rule = how == How::kAuthor                ? "privatekey"
                               : how == How::kAuthorThenModerator ? "privatekeyandeditorkeyonly"
                                                                  : "editorkey";
      site.make_list("dev", {{"send", rule}}, {"ann@x.example"}, {"own@o.example"});
      BOOST_TEST(site.send_large().positive());
      BOOST_REQUIRE(site.held().size() == 1U);
      const storage::HeldRecord held = site.held().front();
      if (how == How::kPrepared) {
        lists::Requester who;
        who.address = test::address("own@o.example");
        who.language = "en";
        const auto prepared = lists::prepared_now(
            site.services, [&](lists::WriteContext& reading, lists::PreparedAnswers* out) {
              return lists::prepare_answer(reading, held, lists::Answer{}, who, out);
            });
        BOOST_TEST(prepared.staged);
        TestSite::require(
            site.small.write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
              lists::WriteContext context{site.services, c, site.clock.wall_now(), 1};
              context.prepared = &prepared;
              auto response = lists::answer_held(context, held, lists::Answer{}, who);
              if (!response.ok()) return response.error();
              BOOST_TEST((response->status == lists::Response::Status::kDone));
              return {};
            }));
      } else {
        const std::string from = by_author ? "ann@x.example" : "own@o.example";
        const std::string to = how == How::kCommand ? "sympa@lists.example"
                               : by_author          ? "confirm+" + held.key + "@lists.example"
                                                    : "approve+" + held.key + "@lists.example";
        const std::string text = how == How::kCommand ? "DISTRIBUTE dev " + held.key + "\n" : "yes\n";
        const auto reply = site.send(from, {to}, test::a_mail(from, "", text));
        BOOST_TEST(reply.positive(), reply.to_string());
      }
      if (how == How::kAuthorThenModerator) {
        BOOST_REQUIRE(site.held().size() == 1U);
        const storage::HeldRecord again = site.held().front();
        BOOST_TEST(again.id != held.id);
        BOOST_TEST((again.kind == storage::HeldKind::kModeration));
        const test::Letter question = test::last_question(site, "own@o.example");
        BOOST_TEST((question.whole.find("The end\r\n") != std::string::npos));
        BOOST_TEST(site.send("own@o.example", {question.address("approve")},
                             test::a_mail("own@o.example", "Re: x", ""))
                       .positive());
      }
      BOOST_TEST(site.held().empty());
      BOOST_TEST(test::list_posts(site) == 1U);
      site.require_whole_posts();
      // The id that its author was told leads to it.
      for (const auto& post : site.posts()) {
        if (post.kind != storage::PostKind::kList) continue;
        BOOST_TEST(post.id != held.id);
        site.read([&](storage::Connection& c) {
          BOOST_TEST(format_id(*storage::follow_trail(c, held.id)) == format_id(post.id));
        });
      }
      BOOST_TEST(site.small.most() <= 512 << 10);
    }
  }
}

// A file has one writer, which all others wait for.
BOOST_FIXTURE_TEST_CASE(in_a_file_what_is_very_large_is_stored_in_pieces_too_and_rendered_before_the_write,
                        Site) {
  small.wants = false;
  make_list("dev", {{"send", "editorkey"}, {"max_size", "0"}}, {"ann@x.example"}, {"own@o.example"});
  for (const std::size_t octets : {std::size_t{2} << 20, std::size_t{9} << 20}) {
    const bool in_pieces = octets > std::size_t{8} << 20;
    if (in_pieces) small.forget_most();
    BOOST_TEST(send_large(octets).positive());
    BOOST_REQUIRE(held().size() == 1U);
    const storage::HeldRecord one = held().front();
    BOOST_TEST(send("own@o.example", {"approve+" + one.key + "@lists.example"},
                    test::a_mail("own@o.example", "Re: x", ""))
                   .positive());
    BOOST_TEST(held().empty());
    BOOST_TEST((small.most() <= 512 << 10) == in_pieces);
    // It was rendered by a read: so it has an id of its own.
    read([&](storage::Connection& c) { BOOST_TEST(*storage::follow_trail(c, one.id) != one.id); });
  }
  BOOST_TEST(test::list_posts(*this) == 2U);
  require_whole_posts();
}

// Two who answer at once have staged it both, each in the own way: X-Validation-by names them.
BOOST_FIXTURE_TEST_CASE(of_two_who_let_a_large_post_go_at_once_one_does_and_it_is_whole, Site) {
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  BOOST_TEST(send_large().positive());
  BOOST_REQUIRE(held().size() == 1U);
  const storage::HeldRecord one = held().front();
  std::vector<std::pair<lists::Requester, lists::PreparedAnswers>> both;
  for (const char* name : {"eve@e.example", "ed.of.the.long.name@e.example"}) {
    lists::Requester who;
    who.address = test::address(name);
    who.language = "en";
    auto prepared =
        lists::prepared_now(services, [&](lists::WriteContext& reading, lists::PreparedAnswers* out) {
          return lists::prepare_answer(reading, one, lists::Answer{}, who, out);
        });
    BOOST_TEST(prepared.staged);
    both.emplace_back(who, std::move(prepared));
  }
  std::vector<lists::Response::Status> became;
  for (const auto& [who, prepared] : both) {
    require(small.write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      lists::WriteContext context{services, c, clock.wall_now(), 1};
      context.prepared = &prepared;
      auto response = lists::answer_held(context, one, lists::Answer{}, who);
      if (!response.ok()) return response.error();
      became.push_back(response->status);
      return {};
    }));
  }
  BOOST_TEST((became == std::vector{lists::Response::Status::kDone, lists::Response::Status::kAlready}));
  BOOST_TEST(test::list_posts(*this) == 1U);
  require_whole_posts();
}

BOOST_FIXTURE_TEST_CASE(a_large_post_goes_out_as_the_list_is_by_then_and_not_as_it_was_prepared, Site) {
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  BOOST_TEST(send_large().positive());
  BOOST_REQUIRE(held().size() == 1U);
  const std::string approve = "approve+" + held().front().key + "@lists.example";
  const Id list_id = list("dev").id;
  small.before_next = [list_id](storage::Connection& c) -> Result<void> {
    return storage::sql::run(c, "UPDATE list SET settings = ? WHERE id = ?",
                             storage::sql::encode_settings({{"send", "editorkey"}, {"subject_tag", "[New]"}}),
                             list_id)
                   .ok()
               ? Result<void>()
               : Error{ErrorCode::kInternal, "the list cannot be changed"};
  };
  BOOST_TEST(send("own@o.example", {approve}, test::a_mail("own@o.example", "Re: x", "")).positive());
  BOOST_TEST(test::list_posts(*this) == 1U);
  require_whole_posts();
  for (const auto& post : posts())
    if (post.kind == storage::PostKind::kList)
      BOOST_TEST((rendering(post.id).find("\r\nSubject: [New] hello\r\n") != std::string::npos));
}

// The process may end there as well: what is committed by then is what a failure there leaves.
BOOST_FIXTURE_TEST_CASE(a_large_post_waits_or_goes_out_once_wherever_its_approval_is_cut_off, Site) {
  using Where = storage::FaultPlan::Where;
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  std::size_t sent = 0;
  for (const Where where : {Where::kStatement, Where::kBeforeCommit, Where::kAfterCommit}) {
    std::uint64_t k = 1;
    for (bool met = true; met; ++k) {
      BOOST_REQUIRE(k < 1000U);
      if (held().empty()) {
        BOOST_REQUIRE(send_large().positive());
        ++sent;
      }
      BOOST_REQUIRE(held().size() == 1U);
      const std::string approve = "approve+" + held().front().key + "@lists.example";
      storage::FaultPlan::arm({where, k});
      const auto reply = send("own@o.example", {approve}, test::a_mail("own@o.example", "Re: x", ""));
      met = storage::FaultPlan::seen(where) >= k;
      storage::FaultPlan::disarm();
      BOOST_TEST(test::list_posts(*this) + held().size() == sent);
      BOOST_TEST((reply.positive() || reply.temporary()), reply.to_string());
      if (reply.positive()) BOOST_TEST(held().empty());
    }
    BOOST_TEST(k > 3U);
  }
  BOOST_TEST(held().empty());
  require_whole_posts();
}

BOOST_FIXTURE_TEST_CASE(posts_that_one_mail_lets_go_are_not_large_together, Site) {
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  std::string all;
  for (int i = 0; i < 3; ++i) BOOST_TEST(send_large().positive());
  for (const auto& one : held()) all += " " + one.key;
  require(small.write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return storage::sql::run(c, "UPDATE held SET size = ?", std::int64_t{15} << 20);
  }));
  send("own@o.example", {"sympa@lists.example"},
       test::a_mail("own@o.example", "", "DISTRIBUTE dev" + all + "\n"));
  BOOST_TEST(test::last_letter(*this, "own@o.example").says("too large to pass"));
  BOOST_TEST(test::list_posts(*this) == 2U);
  BOOST_TEST(held().size() == 1U);
  BOOST_TEST(small.most() <= 512 << 10);
}

BOOST_FIXTURE_TEST_CASE(one_mail_to_the_keys_of_several_large_posts_lets_each_go_in_small_transactions,
                        Site) {
  make_list("dev", {{"send", "editorkey"}}, {"ann@x.example"}, {"own@o.example"});
  std::vector<std::string> to;
  for (int i = 0; i < 3; ++i) BOOST_TEST(send_large().positive());
  for (const auto& one : held()) to.push_back("approve+" + one.key + "@lists.example");
  // Of any size together.
  require(small.write_now(storage::Durability::kAccept, [](storage::Connection& c) {
    return storage::sql::run(c, "UPDATE held SET size = ?", std::int64_t{25} << 20);
  }));
  const auto reply = send("own@o.example", to, test::a_mail("own@o.example", "Re: x", ""));
  BOOST_TEST(reply.positive(), reply.to_string());
  BOOST_TEST(test::list_posts(*this) == 3U);
  BOOST_TEST(held().empty());
  require_whole_posts();
  BOOST_TEST(small.most() <= 512 << 10);
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
