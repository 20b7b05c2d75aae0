#include <random>

#include "storage/journal.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

std::mt19937_64 generator(20261122);

std::string random_text(std::size_t longest) {
  std::string text(generator() % (longest + 1), '\0');
  for (char& c : text) c = static_cast<char>(generator());
  return text;
}

std::vector<BatchRecipient> random_recipients(std::size_t count) {
  std::vector<BatchRecipient> all;
  for (std::size_t i = 0; i < count; ++i) {
    const Id id = generator() % 4 == 0 ? 0 : static_cast<Id>(generator() >> 1);
    all.push_back(
        {id, random_text(64), generator() % 3 == 0 || all.empty() ? random_text(200) : all.back().domain});
  }
  return all;
}

BatchProgress random_progress(std::size_t count) {
  BatchProgress progress;
  for (std::size_t i = 0; i < 5; ++i)
    progress.replies.push_back("450 4.2." + std::to_string(i) + random_text(80));
  progress.hosts.push_back("mx.a.test[192.0.2.1]:25");
  for (std::size_t i = 0; i < count; ++i) {
    progress.recipients.push_back(
        {static_cast<RecipientState>(generator() % 5), static_cast<std::uint16_t>(generator()),
         static_cast<std::uint32_t>(generator()), static_cast<std::uint32_t>(generator() % 6),
         static_cast<std::uint32_t>(generator() % 2)});
  }
  return progress;
}

bool same(const BatchRecipient& a, const BatchRecipient& b) {
  return a.member_id == b.member_id && a.local == b.local && a.domain == b.domain;
}

// Feeds every truncation and many bit flips; the decoder may refuse or accept, but never crash or give
// nonsense.
template <typename Decode>
void mistreat(const std::string& blob, const Decode& decode) {
  for (std::size_t length = 0; length < blob.size(); ++length)
    decode(std::string_view(blob).substr(0, length), true);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = blob;
    for (std::size_t flips = 1 + generator() % 3; flips > 0; --flips) {
      damaged[generator() % damaged.size()] ^= static_cast<char>(1U << (generator() % 8));
    }
    decode(damaged, false);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codecs)

BOOST_AUTO_TEST_CASE(recipients_come_back_as_they_were) {
  for (const std::size_t count : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 8U, 10U, 37U, 999U, 1000U}) {
    const auto all = random_recipients(count);
    const auto back = must(decode_recipients(encode_recipients(all)));
    BOOST_TEST((back.size() == all.size() && std::equal(all.begin(), all.end(), back.begin(), same)));
  }
}

BOOST_AUTO_TEST_CASE(progress_comes_back_with_the_same_texts) {
  for (const std::size_t count : {1U, 2U, 3U, 5U, 8U, 37U, 1000U}) {
    const auto progress = random_progress(count);
    const auto back = must(decode_progress(encode_progress(progress), count));
    for (std::size_t i = 0; i < count; ++i) {
      const auto &a = progress.recipients[i], &b = back.recipients[i];
      BOOST_REQUIRE((a.state == b.state && a.attempts == b.attempts && a.time == b.time));
      BOOST_REQUIRE(progress.replies[a.reply] == back.replies[b.reply]);
      BOOST_REQUIRE(progress.hosts[a.host] == back.hosts[b.host]);
    }
    BOOST_TEST(!decode_progress(encode_progress(progress), count - 1).ok());
  }
}

BOOST_AUTO_TEST_CASE(replies_that_nobody_has_are_dropped_and_equal_ones_kept_once) {
  BatchProgress progress;
  progress.replies = {"", "unused", "same", "same", std::string(2000, 'x')};
  progress.recipients = {{RecipientState::kFailed, 1, 1, 2, 0},
                         {RecipientState::kFailed, 1, 1, 3, 0},
                         {RecipientState::kFailed, 1, 1, 4, 0},
                         {RecipientState::kFailed, 1, 1, 99, 99}};
  const auto back = must(decode_progress(encode_progress(progress), 4));
  BOOST_REQUIRE(back.replies.size() == 3U);
  BOOST_TEST(back.replies[back.recipients[1].reply] == "same");
  BOOST_TEST(back.replies[back.recipients[2].reply].size() == 512U);
  BOOST_TEST(back.recipients[3].reply == 0U);
}

BOOST_AUTO_TEST_CASE(a_batch_of_a_thousand_is_small) {
  std::vector<BatchRecipient> all;
  for (int i = 0; i < 1000; ++i)
    all.push_back({1'000'000'000'000 + i * 4096, "subscriber" + std::to_string(i * 7919), "example.org"});
  BOOST_TEST(encode_recipients(all).size() < 16'000U);
  BatchProgress done;
  done.replies.push_back("250 2.0.0 Ok: queued");
  for (int i = 0; i < 1000; ++i) done.recipients.push_back({RecipientState::kDelivered, 1, 3, 1, 0});
  BOOST_TEST(encode_progress(done).size() < 200U);
}

BOOST_AUTO_TEST_CASE(damaged_recipients_are_refused_or_harmless) {
  for (const std::size_t count : {2U, 40U}) {
    mistreat(encode_recipients(random_recipients(count)), [](std::string_view bytes, bool cut) {
      const auto back = decode_recipients(bytes);
      if (cut) BOOST_REQUIRE(!back.ok());
      if (!back.ok()) BOOST_REQUIRE((back.error().code == ErrorCode::kDamaged));
      if (back.ok())
        BOOST_REQUIRE(
            std::all_of(back->begin(), back->end(), [](const auto& r) { return r.member_id >= 0; }));
    });
  }
}

BOOST_AUTO_TEST_CASE(damaged_progress_is_refused_or_harmless) {
  mistreat(encode_progress(random_progress(40)), [](std::string_view bytes, bool cut) {
    const auto back = decode_progress(bytes, 40);
    if (cut && !bytes.empty()) BOOST_REQUIRE(!back.ok());
    if (!back.ok()) return;
    BOOST_REQUIRE(back->recipients.size() == 40U);
    for (const auto& r : back->recipients)
      BOOST_REQUIRE((r.reply < back->replies.size() && r.host < back->hosts.size()));
  });
}

BOOST_AUTO_TEST_CASE(a_journal_record_comes_back_and_long_texts_are_cut) {
  const JournalRecord record{INT64_MAX,
                             123456,
                             999,
                             RecipientState::kFailed,
                             65535,
                             kNow,
                             std::string(600, 'r'),
                             std::string(300, 'h')};
  const auto bytes = encode_journal_record(record);
  const auto back = must(decode_journal_record(bytes));
  BOOST_TEST(back.post_id == record.post_id);
  BOOST_TEST(back.batch == record.batch);
  BOOST_TEST(back.index == record.index);
  BOOST_TEST((back.state == record.state));
  BOOST_TEST(back.attempts == record.attempts);
  BOOST_TEST((back.time == record.time));
  BOOST_TEST(back.reply == std::string(512, 'r'));
  BOOST_TEST(back.host == std::string(256, 'h'));
  mistreat(bytes, [](std::string_view damaged, bool cut) {
    const auto r = decode_journal_record(damaged);
    if (cut) BOOST_REQUIRE(!r.ok());
    if (r.ok()) BOOST_REQUIRE(r->index < kBatchSize);
  });
}

BOOST_AUTO_TEST_CASE(a_journal_record_of_many_recipients_comes_back_and_fits) {
  JournalRecord record{INT64_MAX,
                       123456,
                       999,
                       RecipientState::kDelivered,
                       65535,
                       kNow,
                       std::string(600, 'r'),
                       std::string(300, 'h')};
  for (std::size_t i = 0; i < JournalRecord::kMaxAlso; ++i)
    record.also.push_back(static_cast<std::uint16_t>(998 - i));
  const auto bytes = encode_journal_record(record);
  BOOST_TEST(bytes.size() <= 2048U);  // the longest that a reader takes
  const auto back = must(decode_journal_record(bytes));
  BOOST_TEST(back.index == record.index);
  BOOST_TEST(back.also == record.also, boost::test_tools::per_element());
  mistreat(bytes, [](std::string_view damaged, bool cut) {
    const auto r = decode_journal_record(damaged);
    if (cut) BOOST_REQUIRE(!r.ok());
    if (!r.ok()) return;
    BOOST_REQUIRE(r->also.size() <= JournalRecord::kMaxAlso);
    for (const auto index : r->also) BOOST_REQUIRE(index < kBatchSize);
  });
}

// A clock that jumps does not make a new time of an old one.
BOOST_AUTO_TEST_CASE(seconds_since_acceptance_stay_within_their_field) {
  BOOST_TEST(seconds_since(kNow, kNow + std::chrono::milliseconds(2'999)) == 2U);
  BOOST_TEST(seconds_since(kNow, kNow - std::chrono::hours(1)) == 0U);
  BOOST_TEST(seconds_since(kNow, kNow + std::chrono::seconds(std::int64_t{UINT32_MAX} + 5)) == UINT32_MAX);
}

BOOST_AUTO_TEST_SUITE_END()
