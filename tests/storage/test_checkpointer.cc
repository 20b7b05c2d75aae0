// The write-ahead log begins anew when it has grown long, whoever reads meanwhile.
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "storage/sqlite/file_layer.h"
#include "tests/storage/fixtures.h"
#include "tests/storage/sqlite_handle.h"

using namespace essaim;
using namespace essaim::storage;
using namespace essaim::test;
using namespace std::chrono_literals;

namespace {

const char* const kBeginReading = "BEGIN; SELECT COUNT(*) FROM site_value";
constexpr std::uintmax_t kLong = std::uintmax_t{70} << 20;  // octets: more than 16,384 pages

// Commits one after the other until `enough`, or until the time is over; gives how many of them had to wait for somebody.
int commit_until(TempDatabase& database, std::size_t octets, Duration pause,
                 const std::function<bool()>& enough, Duration limit) {
  int waited = 0;
  const auto end = std::chrono::steady_clock::now() + limit;
  for (int i = 0; std::chrono::steady_clock::now() < end && !enough(); ++i) {
    const std::string value(octets, static_cast<char>('a' + i / 10 % 26));  // what is the same is not written
    const auto begun = std::chrono::steady_clock::now();
    must(database->write_now(Durability::kProgress,
                             [&](Connection& c) { return SiteStore(c).set(std::to_string(i % 10), value); }));
    if (std::chrono::steady_clock::now() - begun > 1500ms) ++waited;
    std::this_thread::sleep_for(pause);
  }
  return waited;
}

std::string log_of(const TempDatabase& database) {
  return database.file() + "-wal";
}

// Its header counts how often it has begun anew (https://www.sqlite.org/fileformat2.html#walformat).
int beginnings_of_log(const TempDatabase& database) {
  std::ifstream log(log_of(database), std::ios::binary);
  std::array<char, 16> header{};
  log.read(header.data(), header.size());
  return static_cast<unsigned char>(header[14]) * 256 + static_cast<unsigned char>(header[15]);
}

bool begins_anew(TempDatabase& database, std::size_t octets, Duration limit) {
  const int before = beginnings_of_log(database);
  const auto anew = [&] { return beginnings_of_log(database) != before; };
  commit_until(database, octets, 1ms, anew, limit);
  return anew();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checkpointer)

BOOST_AUTO_TEST_CASE(the_log_begins_anew_though_there_is_always_somebody_who_reads) {
  TempDatabase database;
  std::atomic<bool> over{false};
  std::vector<std::unique_ptr<SqliteHandle>> handles;
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i)
    handles.push_back(std::make_unique<SqliteHandle>(database.file(), file_layer()));
  for (auto& handle : handles)
    readers.emplace_back([&over, reader = handle.get()] {
      while (!over) {
        static_cast<void>(reader->run(kBeginReading));
        std::this_thread::sleep_for(20ms);
        static_cast<void>(reader->run("COMMIT"));
      }
    });
  BOOST_TEST(begins_anew(database, 200'000, 2min));
  over = true;
  for (auto& reader : readers) reader.join();
}

BOOST_AUTO_TEST_CASE(who_reads_for_long_holds_writers_off_once) {
  TempDatabase database;
  SqliteHandle backup(database.file(), file_layer());
  commit_until(
      database, 1, 1ms, [] { return false; }, 20ms);
  BOOST_REQUIRE(backup.run(kBeginReading));
  commit_until(
      database, 200'000, 0ms, [&] { return std::filesystem::file_size(log_of(database)) > kLong; }, 2min);
  // Not counted before: behind so much some wait for a slow disk.
  const int waited = commit_until(
      database, 1, 20ms, [] { return false; }, 7s);
  BOOST_TEST(waited <= 1);
  BOOST_REQUIRE(backup.run("COMMIT"));
  BOOST_TEST(begins_anew(database, 1, 2min));
}

BOOST_AUTO_TEST_SUITE_END()
