#include <boost/test/unit_test.hpp>

#include "lists/leave_keys.h"
#include "tests/support/temp_database.h"

using namespace essaim;
using namespace essaim::lists;

namespace {

const WallTime kNow = from_millis(1'790'000'000'000);

LeaveKeys one_key() {
  return LeaveKeys::of(std::string(32, 'k'));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leave_keys)

BOOST_AUTO_TEST_CASE(they_are_read_as_they_were_written) {
  LeaveKeys keys = one_key();
  BOOST_TEST(keys.add(kNow).value() == 1);
  BOOST_REQUIRE(keys.retire(0, kNow).ok());
  const auto read = LeaveKeys::parse(keys.to_text());
  BOOST_REQUIRE(read.ok());
  BOOST_TEST(read->to_text() == keys.to_text());
  BOOST_TEST(read->newest().number == 1);
  BOOST_TEST(!read->find(0)->good());
  BOOST_TEST(read->find(0)->key.bytes() == std::string(32, 'k'));
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_said_to_be) {
  const std::string key(64, 'a');
  for (const std::string& text :
       {std::string(), "0 1 0 " + key.substr(1), "0 1 0 " + key + " x", "32 1 0 " + key, "-1 1 0 " + key,
        "0 1 2 " + key, "0 1 0 " + key + "\n0 1 0 " + key, "0 1 0 " + key.substr(1) + "g"})
    BOOST_TEST((LeaveKeys::parse(text).error().code == ErrorCode::kDamaged), text);
}

BOOST_AUTO_TEST_CASE(retiring_the_last_good_one_makes_another_first) {
  LeaveKeys keys = one_key();
  BOOST_REQUIRE(keys.retire(0, kNow).ok());
  BOOST_TEST(keys.newest().number == 1);
  BOOST_REQUIRE(keys.retire(0, kNow).ok());  // again is no mistake
  BOOST_TEST(keys.all().size() == 2U);
  BOOST_TEST((keys.retire(7, kNow).error().code == ErrorCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(the_oldest_retired_one_is_forgotten_when_there_is_no_number_left) {
  LeaveKeys keys = one_key();
  for (int i = 1; i < LeaveKeys::kMost; ++i) BOOST_TEST(keys.add(kNow).value() == i);
  BOOST_TEST((keys.add(kNow).error().code == ErrorCode::kExhausted));
  BOOST_REQUIRE(keys.retire(3, kNow).ok());
  BOOST_TEST(keys.add(kNow).value() == 3);
  BOOST_TEST(keys.newest().number == 3);
  BOOST_TEST(keys.all().size() == static_cast<std::size_t>(LeaveKeys::kMost));
}

BOOST_AUTO_TEST_CASE(the_first_key_of_a_site_is_made_once) {
  test::TempDatabase database;
  const auto read = [&] {
    std::string text;
    BOOST_REQUIRE(database
                      ->read_now([&](storage::Connection& c) -> Result<void> {
                        auto keys = read_leave_keys(c);
                        if (!keys.ok()) return keys.error();
                        text = keys->to_text();
                        return {};
                      })
                      .ok());
    return text;
  };
  BOOST_REQUIRE(ensure_leave_keys(*database, kNow).ok());
  const std::string first = read();
  BOOST_REQUIRE(ensure_leave_keys(*database, kNow).ok());
  BOOST_TEST(read() == first);
}

BOOST_AUTO_TEST_SUITE_END()
