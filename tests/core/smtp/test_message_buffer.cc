#include <filesystem>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "core/smtp/message_buffer.h"

using namespace essaim;
using namespace essaim::smtp;

namespace {

std::string pattern(std::size_t n) {
  std::string out(n, '\0');
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(message_buffer)

BOOST_AUTO_TEST_CASE(small_messages_stay_in_memory_and_the_budget_gets_them_back) {
  MemoryBudget budget(1'000'000);
  {
    MessageBuffer buffer(budget, "/nonexistent");
    BOOST_TEST(buffer.append("hello ").ok());
    BOOST_TEST(buffer.append("world").ok());
    BOOST_TEST(buffer.size() == 11U);
    BOOST_TEST(!buffer.spilled());
    BOOST_TEST(buffer.read_all().value() == "hello world");
    BOOST_TEST(budget.used() >= 11U);
  }
  BOOST_TEST(budget.used() == 0U);
}

BOOST_AUTO_TEST_CASE(large_messages_go_to_a_file_without_a_name) {
  const std::string directory = (std::filesystem::temp_directory_path() / "essaim-spill-test").string();
  std::filesystem::create_directories(directory);
  MemoryBudget budget(1'000'000);
  MessageBuffer buffer(budget, directory, 1'000);
  const std::string content = pattern(300'001);
  for (std::size_t pos = 0; pos < content.size(); pos += 777) {
    BOOST_REQUIRE(buffer.append(std::string_view(content).substr(pos, 777)).ok());
  }
  BOOST_TEST(buffer.spilled());
  BOOST_TEST(buffer.size() == content.size());
  BOOST_TEST(budget.used() == 0U);
  BOOST_TEST((buffer.read_all().value() == content));
  BOOST_TEST((buffer.read_all().value() == content));
  BOOST_TEST(std::filesystem::is_empty(directory));
  buffer.clear();
  BOOST_TEST(buffer.size() == 0U);
  BOOST_TEST(buffer.append("again").ok());
  BOOST_TEST(buffer.read_all().value() == "again");
  std::filesystem::remove(directory);
}

BOOST_AUTO_TEST_CASE(tells_whether_all_of_it_is_ascii) {
  for (const std::size_t threshold : {std::size_t{10}, std::size_t{1'000}}) {
    MemoryBudget budget(1'000'000);
    MessageBuffer buffer(budget, std::filesystem::temp_directory_path().string(), threshold);
    BOOST_TEST(buffer.ascii());
    BOOST_TEST(buffer.append(pattern(100)).ok());
    BOOST_TEST(buffer.ascii());
    BOOST_TEST(buffer.append("caf\xc3\xa9").ok());
    BOOST_TEST(!buffer.ascii());
    BOOST_TEST(buffer.append(pattern(100)).ok());
    BOOST_TEST(!buffer.ascii());
    buffer.clear();
    BOOST_TEST(buffer.ascii());
  }
}

BOOST_AUTO_TEST_CASE(messages_go_to_a_file_when_the_budget_is_used_up) {
  MemoryBudget budget(20'000);
  MessageBuffer first(budget, "/tmp");
  BOOST_TEST(first.append(pattern(15'000)).ok());
  MessageBuffer second(budget, "/tmp");
  BOOST_TEST(second.append(pattern(15'000)).ok());
  BOOST_TEST(!first.spilled());
  BOOST_TEST(second.spilled());
  BOOST_TEST((second.read_all().value() == pattern(15'000)));
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_made_or_written_is_an_error) {
  MemoryBudget budget(0);
  MessageBuffer nowhere(budget, "/nonexistent/dir");
  BOOST_TEST(!nowhere.append("x").ok());
  BOOST_TEST(budget.used() == 0U);
}

// So that clients who never end their messages do not fill the disk.
BOOST_AUTO_TEST_CASE(files_have_a_bound_of_their_own_and_what_ends_gives_it_back) {
  constexpr std::uint64_t kMebi = 1 << 20;
  MemoryBudget budget(0, 3 * kMebi);
  auto first = std::make_unique<MessageBuffer>(budget, "/tmp");
  MessageBuffer second(budget, "/tmp"), third(budget, "/tmp");
  BOOST_TEST(first->append(pattern(2 * kMebi)).ok());
  BOOST_TEST(second.append(pattern(kMebi)).ok());
  const auto refused = third.append(pattern(100'000));
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kExhausted));
  BOOST_TEST(!second.append(pattern(kMebi)).ok());
  BOOST_TEST(first->read_all().value().size() == 2 * kMebi);
  third.clear();
  first.reset();
  BOOST_TEST(third.append(pattern(2 * kMebi)).ok());
  budget.set_least_free(UINT64_MAX);
  third.clear();
  BOOST_TEST(!third.append(pattern(100'000)).ok());  // no disk has so much
  budget.set_least_free(1);
  third.clear();
  BOOST_TEST(third.append(pattern(100'000)).ok());
}

BOOST_AUTO_TEST_SUITE_END()
