#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/log.h"
#include "storage/journal.h"
#include "storage/late_store.h"
#include "tests/storage/fixtures.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;

namespace {

JournalRecord record(int i, RecipientState state = RecipientState::kDelivered) {
  return {1, i / 1000, static_cast<std::uint16_t>(i % 1000), state,
          1, kNow,     "250 2.0.0 Ok " + std::to_string(i),  "mx.a.test[192.0.2.1]:25"};
}

JournalWriter::Options options_for(const std::string& directory, std::size_t size = 64 << 10) {
  return {directory, "loop0", 7, size};
}

std::vector<JournalRecord> read_all(const std::string& directory) {
  std::vector<JournalRecord> all;
  must(read_journal(directory, [&](const JournalRecord& r) -> Result<void> {
    all.push_back(r);
    return {};
  }));
  return all;
}

int number_of(const JournalRecord& r) {
  return r.batch * 1000 + r.index;
}

std::size_t files_in(const std::string& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

void flip_octet(const std::string& file, std::streamoff at) {
  std::fstream f(file, std::ios::in | std::ios::out | std::ios::binary);
  f.seekg(at);
  const char c = static_cast<char>(f.get() ^ 0x10);
  f.seekp(at);
  f.put(c);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal)

BOOST_AUTO_TEST_CASE(recipients_who_share_a_record_are_read_back_one_by_one_and_released_together) {
  TempDir directory;
  Executor executor("sync", 1);
  std::uint64_t segment = 0;
  {
    auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
    JournalRecord shared = record(7);
    shared.also = {3, 9, 8};
    segment = must(writer->append(record(1)));
    BOOST_TEST(must(writer->append(shared)) == segment);
    BOOST_TEST(must(writer->append(record(2))) == segment);
    writer->segment_done(segment, 5);  // one is missing
  }
  std::vector<int> numbers;
  for (const auto& r : read_all(directory.path())) {
    BOOST_TEST(r.also.empty());
    numbers.push_back(number_of(r));
  }
  BOOST_TEST(numbers == (std::vector<int>{1, 7, 3, 9, 8, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_was_appended_is_read_back_in_order_over_segments) {
  TempDir directory;
  Executor executor("journal", 1);
  std::uint64_t first = 0, last = 0;
  {
    auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
    for (int i = 0; i < 5000; ++i) {
      last = must(writer->append(record(i)));
      if (i == 0) first = last;
    }
  }
  BOOST_TEST(last > first + 3);
  const auto all = read_all(directory.path());
  BOOST_REQUIRE(all.size() == 5000U);
  for (int i = 0; i < 5000; ++i) BOOST_REQUIRE(number_of(all[static_cast<std::size_t>(i)]) == i);
  BOOST_TEST(all[4999].reply == "250 2.0.0 Ok 4999");
}

BOOST_AUTO_TEST_CASE(a_segment_goes_when_the_database_has_its_outcomes_and_not_before) {
  TempDir directory;
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
    std::map<std::uint64_t, std::size_t> counts;
    for (int i = 0; i < 3000; ++i) ++counts[must(writer->append(record(i)))];
    BOOST_REQUIRE(counts.size() > 2U);
    std::thread other([&] {
      for (const auto& [segment, count] : counts)
        writer->segment_done(segment, segment == counts.begin()->first ? count - 1 : count);
    });
    other.join();
  }
  BOOST_TEST(files_in(directory.path()) == 1U);
  BOOST_TEST(number_of(read_all(directory.path()).front()) == 0);
}

BOOST_AUTO_TEST_CASE(complete_segments_are_removed_while_the_writer_goes_on) {
  TempDir directory;
  Executor executor("journal", 1);
  auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
  std::uint64_t first = must(writer->append(record(0)));
  std::uint64_t now = first;
  std::size_t in_first = 1;
  for (int i = 1; now == first; ++i) {
    now = must(writer->append(record(i)));
    if (now == first) ++in_first;
  }
  const std::string file = directory.path("loop0-7-" + std::to_string(first) + ".journal");
  BOOST_TEST(std::filesystem::exists(file));
  writer->segment_done(first, in_first);
  for (int i = 0; i < 1'200 && std::filesystem::exists(file); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  BOOST_TEST(!std::filesystem::exists(file));
}

BOOST_AUTO_TEST_CASE(all_acknowledged_records_survive_kill_9) {
  for (int round = 0; round < 5; ++round) {
    TempDir directory;
    // Memory shared with the child counts what append() has acknowledged.
    auto* acknowledged = static_cast<std::atomic<int>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    new (acknowledged) std::atomic<int>(0);
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
      Executor executor("journal", 1);
      auto writer = JournalWriter::open(options_for(directory.path()), executor);
      if (!writer.ok()) ::_exit(1);
      for (int i = 0;; ++i) {
        if (!(*writer)->append(record(i % 900'000)).ok()) ::_exit(1);
        acknowledged->store(i + 1);
      }
    }
    while (acknowledged->load() < 3000 + round * 1777) std::this_thread::yield();
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_REQUIRE(WIFSIGNALED(status));
    const auto all = read_all(directory.path());
    BOOST_TEST(all.size() >= static_cast<std::size_t>(acknowledged->load()));
    BOOST_TEST(all.size() <= static_cast<std::size_t>(acknowledged->load()) + 1);
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE(number_of(all[i]) == static_cast<int>(i));
    ::munmap(acknowledged, 4096);
  }
}

BOOST_AUTO_TEST_CASE(a_torn_or_damaged_record_ends_the_segment) {
  TempDir directory;
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
    for (int i = 0; i < 20; ++i) must(writer->append(record(i)));
  }
  const auto path =
      must(read_journal(directory.path(), [](const JournalRecord&) { return Result<void>(); })).at(0);
  const auto bytes = [&] {
    std::ifstream f(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(f), {});
  }();
  const std::size_t used = bytes.find_last_not_of('\0') + 1;
  int warnings = 0;
  const log::Capture capture([&](log::Level, std::string_view line) {
    warnings += line.find("journal.torn") != std::string_view::npos;
  });
  std::size_t before = 0;
  for (std::size_t length = 0; length <= used; ++length) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(length));
    const auto all = read_all(directory.path());
    BOOST_REQUIRE(all.size() >= before);
    BOOST_REQUIRE(all.size() <= before + 1);
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE(number_of(all[i]) == static_cast<int>(i));
    before = all.size();
  }
  BOOST_TEST(before == 20U);
  BOOST_TEST(warnings > 0);
  for (std::size_t at = 0; at < used; at += 3) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    flip_octet(path, static_cast<std::streamoff>(at));
    const auto all = read_all(directory.path());
    BOOST_REQUIRE(all.size() < 20U);
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE(number_of(all[i]) == static_cast<int>(i));
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_an_error_until_there_is_space_again) {
  TempDir directory;
  ::signal(SIGXFSZ, SIG_IGN);
  Executor executor("journal", 1);
  auto writer = must(JournalWriter::open(options_for(directory.path()), executor));
  std::vector<std::string> lines;
  std::mutex mutex;
  const log::Capture capture([&](log::Level, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
  });
  rlimit before{}, limit{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 10'000;  // below the size of a segment: neither new ones nor writes behind it
  ::setrlimit(RLIMIT_FSIZE, &limit);
  int recorded = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto result = writer->append(record(recorded));
    if (result.ok()) {
      ++recorded;
    } else {
      BOOST_REQUIRE((result.error().code == ErrorCode::kExhausted));
      ++refused;
    }
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  BOOST_TEST(recorded > 10);
  BOOST_TEST(refused > 100);
  for (int i = 0; i < 1000; ++i, ++recorded) must(writer->append(record(recorded)));
  writer.reset();
  executor.stop();
  const auto all = read_all(directory.path());
  BOOST_REQUIRE(all.size() == static_cast<std::size_t>(recorded));
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE(number_of(all[i]) == static_cast<int>(i));
  const auto count = [&](const char* what) {
    return std::count_if(lines.begin(), lines.end(),
                         [&](const auto& l) { return l.find(what) != std::string::npos; });
  };
  BOOST_TEST(count("journal.failing") == 1);
  BOOST_TEST(count("journal.recovered") == 1);
}

BOOST_AUTO_TEST_CASE(recovery_merges_what_the_database_does_not_have_and_may_be_repeated) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(2500, "a.test"));
  const std::string directory = database.directory().path("journal");
  auto claimed = claim(*database, {1, 7}, 10);
  BOOST_REQUIRE(claimed.size() == 3U);
  settle(&claimed[0], 0, RecipientState::kSuppressed);
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, claimed[0]); });
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory), executor));
    for (int i = 0; i < 1000; ++i)
      must(writer->append(record(2000 + i % 500)));  // each twice: the second one is the same
    auto deferred = record(1, RecipientState::kDeferred);
    deferred.reply = "450 4.2.0 later";
    must(writer->append(deferred));
    must(writer->append(record(0, RecipientState::kFailed)));  // suppressed before: stays
    must(writer->append(record(2, RecipientState::kFailed)));
    must(writer->append(record(2, RecipientState::kDelivered)));  // delivered wins
    must(writer->append(record(2, RecipientState::kDeferred)));
    must(writer->append(record(999'999)));  // no such batch
    auto again = record(3);
    must(writer->append(again));
    again.time += std::chrono::seconds(60);  // a second delivery
    must(writer->append(again));
  }
  const std::string copy = database.directory().path("copy");
  std::filesystem::copy(directory, copy);
  BOOST_TEST(must(recover_journal(*database, directory, 1, 8)) == 504U);
  BOOST_TEST(files_in(directory) == 0U);
  // As if the removal had been lost: nothing changes.
  BOOST_TEST(must(recover_journal(*database, copy, 1, 8)) == 0U);
  must(database->read_now([](Connection& c) -> Result<void> {
    BatchStore store(c);
    const auto first = must(store.load(1, 0, true)).value();
    BOOST_TEST((first.queue == BatchQueue::kReady));
    BOOST_TEST(first.owner == 0);
    BOOST_TEST(first.delivered == 2);
    BOOST_TEST(first.suppressed == 1);
    BOOST_TEST(first.pending == 997);
    const auto& deferred = first.progress.recipients[1];
    BOOST_TEST((deferred.state == RecipientState::kDeferred));
    BOOST_TEST(first.progress.replies[deferred.reply] == "450 4.2.0 later");
    const auto last = must(store.load(1, 2, true)).value();
    BOOST_TEST((last.queue == BatchQueue::kFinished));
    BOOST_TEST(last.delivered == 500);
    const auto counts = must(PostStore(c).counts(1));
    BOOST_TEST(counts.accepted == 2500);
    BOOST_TEST(counts.delivered == 502);
    return {};
  }));
}

// The number of attempts in the journal is the round of the batch, in which others may have been tried more often.
BOOST_AUTO_TEST_CASE(a_deferral_that_is_known_already_is_not_applied_again) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(5, "a.test"));
  auto claimed = claim(*database, {1, 7}, 1);
  BOOST_REQUIRE(claimed.size() == 1U);
  const WallTime accepted = post(1).accepted;
  auto& known = claimed[0].progress;
  known.replies.push_back("450 4.2.0 known");
  known.hosts.push_back("mx.a.test" + std::string(kWithItsBatch));
  for (const std::size_t i : {0U, 1U, 2U}) {
    settle(&claimed[0], i, RecipientState::kDeferred, 100);
    known.recipients[i].reply = 1;
  }
  known.recipients[1].time = 200;  // an operator's retry, or put off since
  known.recipients[1].host = 1;
  commit(*database, [&](Connection& c) { return BatchStore(c).save({1, 7}, claimed[0]); });
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory), executor));
    const auto deferred = [&](int i, std::chrono::milliseconds after) {
      auto one = record(i, RecipientState::kDeferred);
      one.attempts = 9;
      one.time = accepted + after;
      one.reply = "450 4.2.0 later";
      must(writer->append(one));
    };
    using std::chrono::milliseconds;
    deferred(0, milliseconds(100'700));
    deferred(1, milliseconds(100'700));
    deferred(2, milliseconds(100'700));
    deferred(2, milliseconds(400'000));  // in the same round: while others were out
    deferred(3, milliseconds(100'700));
    deferred(4, milliseconds(100'700));
    deferred(4, milliseconds(400'000));
  }
  const std::string copy = database.directory().path("copy");
  std::filesystem::copy(directory, copy);
  BOOST_TEST(must(recover_journal(*database, directory, 1, 8)) == 4U);
  BOOST_TEST(must(recover_journal(*database, copy, 1, 8)) == 0U);
  must(database->read_now([](Connection& c) -> Result<void> {
    const auto batch = must(BatchStore(c).load(1, 0, true)).value();
    const auto& progress = batch.progress;
    const int attempts[] = {1, 1, 2, 1, 2};
    const std::uint32_t times[] = {100, 200, 400, 100, 400};
    for (std::size_t i = 0; i < 5; ++i) {
      const RecipientStatus& status = progress.recipients[i];
      BOOST_TEST_CONTEXT("recipient " << i) {
        BOOST_TEST((status.state == RecipientState::kDeferred));
        BOOST_TEST(status.attempts == attempts[i]);
        BOOST_TEST(status.time == times[i]);
        BOOST_TEST(progress.replies[status.reply] == (i < 2 ? "450 4.2.0 known" : "450 4.2.0 later"));
      }
    }
    BOOST_TEST(split_host(progress.hosts[progress.recipients[1].host]).with_its_batch);
    BOOST_TEST(batch.pending == 5);
    return {};
  }));
}

BOOST_AUTO_TEST_CASE(what_is_kept_for_another_node_and_damaged_does_not_stop_recovery) {
  log::Capture quiet([](log::Level, std::string_view) {});
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  auto claimed = claim(*database, {2, 3}, 1);
  BOOST_REQUIRE(claimed.size() == 1U);
  settle(&claimed[0], 0, RecipientState::kDelivered);
  commit(*database, [&](Connection& c) -> Result<void> {
    ESSAIM_TRY(LateStore(c).keep({1, 8}, 1, 0, claimed[0].progress));
    return c.execute("UPDATE late_outcome SET progress = x'0102'");
  });
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory), executor));
    for (int i = 0; i < 3; ++i) must(writer->append(record(i)));
  }
  BOOST_TEST(must(recover_journal(*database, directory, 1, 8)) == 3U);
  commit(*database, [](Connection& c) -> Result<void> {
    auto batch = must(BatchStore(c).load(1, 0, true)).value();
    BOOST_TEST(must(LateStore(c).merge_into(&batch)));
    BOOST_TEST(batch.delivered == 3);
    return {};
  });
}

BOOST_AUTO_TEST_CASE(outcomes_for_a_batch_of_another_node_leave_it_its_owner) {
  TempDatabase database;
  make_list(*database);
  make_post(*database, post(1), people(3, "a.test"));
  claim(*database, {2, 3}, 1);
  const std::string directory = database.directory().path("journal");
  Executor executor("journal", 1);
  {
    auto writer = must(JournalWriter::open(options_for(directory), executor));
    for (int i = 0; i < 3; ++i) must(writer->append(record(i)));
  }
  BOOST_TEST(must(recover_journal(*database, directory, 1, 8)) == 3U);
  must(database->read_now([](Connection& c) -> Result<void> {
    const auto batch = must(BatchStore(c).load(1, 0, false)).value();
    BOOST_TEST((batch.queue == BatchQueue::kOwned));
    BOOST_TEST(batch.owner == 2);
    BOOST_TEST(batch.delivered == 0);  // its owner writes the row; it is told by what is kept beside
    return {};
  }));
  commit(*database, [](Connection& c) -> Result<void> {
    auto batch = must(BatchStore(c).load(1, 0, true)).value();
    BOOST_TEST(must(LateStore(c).merge_into(&batch)));
    BOOST_TEST(batch.delivered == 3);
    return {};
  });
}

BOOST_AUTO_TEST_SUITE_END()
