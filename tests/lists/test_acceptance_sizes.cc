// How large a message may be: for an address, and for all of its addresses together.
#include <future>
#include <utility>

#include "core/base/counters.h"
#include "lists/relay.h"
#include "lists/total_size.h"
#include "storage/sql.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::a_post;
using essaim::test::TestSite;

namespace {

constexpr std::uint64_t kMB = 1'000'000;

// With so many octets, which are some lines more than it has.
std::string filled(std::string content, std::size_t octets) {
  content.reserve(octets);
  while (content.size() + 144 <= octets) content += std::string(70, 'x') + "\r\n";
  content += std::string(octets - content.size() - 2, 'x') + "\r\n";
  return content;
}

struct Site : TestSite {
  // Of so many octets, by somebody who is no member, to what stands in `to`; or by an account, to lists and others elsewhere.
  smtp::Reply offer(const std::vector<std::string>& to, std::size_t octets, std::uint64_t most,
                    const std::string& words = "") {
    auto submission = std::make_shared<lists::Submission>();
    submission->id = last_id = ids.next();
    submission->reverse_path = test::address("x@y.example");
    if (logged_in)
      submission->login =
          std::make_shared<const sasl::Login>(sasl::Login{"x", "PLAIN", {"x@y.example"}, true});
    submission->content =
        filled(a_post("x@y.example", "<" + format_id(last_id) + "@y.example>") + words, octets);
    for (const std::string& name : to) {
      const auto resolution = rcpt(name);
      const bool elsewhere = resolution.elsewhere && logged_in;
      BOOST_REQUIRE_MESSAGE(elsewhere || resolution.target, resolution.reply.to_string());
      submission->recipients.push_back(
          {test::address(name), elsewhere ? lists::relay_target(test::address(name)) : resolution.target});
    }
    const lists::Acceptance acceptance(services, most);
    std::promise<smtp::Reply> answer;
    acceptance.submit(std::move(submission),
                      [&answer](smtp::Reply reply) { answer.set_value(std::move(reply)); });
    return answer.get_future().get();
  }
  // Posts with their notices, and what waits.
  std::pair<std::int64_t, std::int64_t> stored() {
    std::pair<std::int64_t, std::int64_t> out;
    read([&](storage::Connection& c) {
      auto posted = storage::sql::number(c, 0, "SELECT COUNT(*) FROM post");
      require(posted);
      auto held = storage::sql::number(c, 0, "SELECT COUNT(*) FROM held");
      require(held);
      out = {*posted, *held};
    });
    return out;
  }
  bool logged_in = false;
};

std::vector<std::string> first(std::size_t n, const std::vector<std::string>& all) {
  BOOST_REQUIRE(n <= all.size());
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(list_acceptance_sizes, Site)

BOOST_AUTO_TEST_CASE(what_a_message_is_with_all_its_addresses_is_bounded) {
  test::LogLines log;
  std::vector<std::string> people, to_lists, waiting, mixed, others;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "l" + std::to_string(i);
    make_list(name, {{"post", "anyone"}}, {"m@example.org"}, {"o@example.org"});
    for (const char* suffix : {"-owner", "-editor", "-request"})
      people.push_back(name + suffix + "@lists.example");
    to_lists.push_back(name + "@lists.example");
    make_list("held" + name, {{"send", "editorkey"}}, {}, {"o@example.org"});
    waiting.push_back("held" + name + "@lists.example");
    mixed.insert(mixed.end(), {to_lists.back(), waiting.back(), people.back()});
    others.push_back("u" + std::to_string(i) + "@elsewhere.example");
  }
  constexpr std::uint64_t kMost = 60'000;
  const std::string eight_bit = "Grüße\r\n";
  struct Row {
    const char* what;
    std::vector<std::string> to;
    std::size_t octets;
    std::string words;
    bool logged_in;
    bool taken;
  };
  const Row rows[] = {
      {"people, just so much", first(12, people), 5'000, "", false, true},
      {"people", first(13, people), 5'000, "", false, false},
      {"people, not in ASCII, just so much", first(6, people), 5'000, eight_bit, false, true},
      {"people, not in ASCII", first(7, people), 5'000, eight_bit, false, false},
      {"posts, just so much", first(6, to_lists), 10'000, "", false, true},
      {"posts", first(6, to_lists), 10'001, "", false, false},
      {"posts that wait, just so much", first(6, waiting), 10'000, "", false, true},
      {"posts that wait", first(6, waiting), 10'001, "", false, false},
      {"all of them", first(16, mixed), 4'000, "", false, false},
      {"a small one to all", mixed, 1'000, "", false, true},
      {"one is always taken", {"l0-owner@lists.example"}, 90'000, eight_bit, false, true},
      {"so is one that is named twice", {"l0@lists.example", "L0@lists.example"}, 90'000, "", false, true},
      {"elsewhere, just so much", others, 10'000, "", true, true},
      {"elsewhere", others, 10'001, "", true, false},
      {"elsewhere and here", {others[0], others[1], to_lists[0]}, 20'001, "", true, false},
  };
  auto refused = counter_sums()[static_cast<std::size_t>(Counter::kLimitedSizes)];
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      logged_in = row.logged_in;
      const auto before = stored();
      const int bells_before = bells;
      const auto reply = offer(row.to, row.octets, kMost, row.words);
      if (row.taken) {
        BOOST_TEST(reply.to_string().starts_with("250 2.0.0"), reply.to_string());
        BOOST_TEST(stored().first > before.first);
        continue;
      }
      const auto most = lists::most_targets(row.octets * (row.words.empty() ? 1 : 2), kMost);
      BOOST_TEST(reply.to_string() == "552 5.3.4 too large for so many addresses, send it to at most " +
                                          std::to_string(most) + " at a time [rule: total-size]");
      BOOST_TEST((stored() == before));
      BOOST_TEST(bells == bells_before);
      BOOST_TEST(log.has({"refused", "id=" + format_id(last_id), "rule=total-size"}));
      BOOST_TEST(counter_sums()[static_cast<std::size_t>(Counter::kLimitedSizes)] == ++refused);
      // What it is told to do works.
      BOOST_TEST(offer(first(most, row.to), row.octets, kMost, row.words).positive());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_people_send_to_several_addresses_is_far_below_the_bound) {
  std::vector<std::string> owners;
  for (int i = 0; i < 9; ++i) {
    make_list("l" + std::to_string(i), {}, {}, {"o@example.org"});
    owners.push_back("l" + std::to_string(i) + "-owner@lists.example");
  }
  BOOST_TEST(offer(first(4, owners), 20 * kMB, lists::kMostOctets).positive());
  BOOST_TEST(posts().size() == 4);
  BOOST_TEST(offer(owners, 30 * kMB, lists::kMostOctets).text.find("[rule: total-size]") !=
             std::string::npos);
  BOOST_TEST(posts().size() == 4);
  BOOST_TEST(lists::most_targets(2 * 20 * kMB) >= 4);
  BOOST_TEST(lists::most_targets(2 * 200'000) >= 50);
  BOOST_TEST(lists::most_targets(lists::kMostOctets * 4) == 1);
}

BOOST_AUTO_TEST_CASE(mail_for_people_may_be_as_large_as_a_post_and_25_mb_in_any_case) {
  make_list("small", {{"max_size", "100K"}}, {}, {"o@example.org"});
  make_list("large", {{"max_size", "60M"}}, {}, {"o@example.org"});
  make_list("any", {{"max_size", "0"}}, {}, {"o@example.org"});
  struct Row {
    const char* to;
    std::uint64_t most;
  };
  for (const Row& row :
       {Row{"small@lists.example", 100U << 10}, Row{"small-owner@lists.example", 25U << 20},
        Row{"small-editor@lists.example", 25U << 20}, Row{"small-request@lists.example", 25U << 20},
        Row{"large-owner@lists.example", 60U << 20}, Row{"any-owner@lists.example", 0},
        Row{"postmaster@mx.example", 25U << 20}, Row{"abuse@lists.example", 25U << 20},
        Row{"listmaster@lists.example", 25U << 20}})
    BOOST_TEST(rcpt(row.to).max_size == row.most, row.to);
  // Who did not declare it hears it at the end.
  for (const char* const to :
       {"small-owner@lists.example", "small-request@lists.example", "postmaster@lists.example"}) {
    const auto reply = offer({to}, (25U << 20) + 1, lists::kMostOctets);
    BOOST_TEST(reply.to_string() ==
               "552 5.3.4 the message has 26214401 octets, the address takes 25M [rule: max-size]");
  }
  BOOST_TEST(posts().empty());
  BOOST_TEST(offer({"small-owner@lists.example"}, 200'000, lists::kMostOctets).positive());
}

BOOST_AUTO_TEST_SUITE_END()
