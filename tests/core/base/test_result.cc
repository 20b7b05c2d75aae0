#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/result.h"

namespace essaim {
namespace {

// How many are alive.
struct Counted {
  Counted(int& counter, std::string content) : alive(&counter), text(std::move(content)) { ++*alive; }
  Counted(const Counted& other) : alive(other.alive), text(other.text) { ++*alive; }
  Counted(Counted&& other) noexcept : alive(other.alive), text(std::move(other.text)) { ++*alive; }
  Counted& operator=(const Counted&) = delete;
  Counted& operator=(Counted&&) = delete;
  ~Counted() { --*alive; }
  int* alive;
  std::string text;
};

Error error(std::string text) {
  return {.code = ErrorCode::kNotFound, .message = std::move(text)};
}

BOOST_AUTO_TEST_SUITE(result)

BOOST_AUTO_TEST_CASE(a_value_or_an_error) {
  const Result<std::string> good(std::string("a value that is longer than what a string holds in itself"));
  BOOST_TEST(good.ok());
  BOOST_TEST(good->size() == 57U);
  const Result<std::string> bad(error("no such list"));
  BOOST_TEST(!bad);
  BOOST_TEST(bad.error().message == "no such list");
  BOOST_TEST((bad.error().code == ErrorCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(every_value_is_destroyed_once) {
  int alive = 0;
  {
    Result<Counted> one(Counted(alive, "one"));
    BOOST_TEST(alive == 1);
    Result<Counted> copy(one);
    BOOST_TEST(alive == 2);
    Result<Counted> moved(std::move(copy));
    BOOST_TEST(alive == 3);  // what was moved from is still one
    BOOST_TEST(moved->text == "one");
    moved = Result<Counted>(error("gone"));
    BOOST_TEST(alive == 2);
    BOOST_TEST(moved.error().message == "gone");
    moved = one;
    BOOST_TEST(moved->text == "one");
    BOOST_TEST(alive == 3);
    one = error("an error over a value");
    BOOST_TEST(one.error().message == "an error over a value");
    BOOST_TEST(alive == 2);
  }
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(assigned_to_itself_it_stays_what_it_is) {
  Result<std::string> value(std::string("kept"));
  Result<std::string>& same = value;
  value = same;
  BOOST_TEST(*value == "kept");
  Result<std::string> failed(error("kept too"));
  Result<std::string>& same_failed = failed;
  failed = same_failed;
  BOOST_TEST(failed.error().message == "kept too");
}

BOOST_AUTO_TEST_CASE(values_are_moved_out) {
  Result<std::unique_ptr<int>> owned(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(owned).value();
  BOOST_TEST(*taken == 7);
  static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
  static_assert(std::is_nothrow_move_constructible_v<Result<std::map<std::string, std::string>>>);
}

BOOST_AUTO_TEST_CASE(containers_move_them) {
  std::vector<Result<std::unique_ptr<int>>> all;
  for (int i = 0; i < 100; ++i) {
    if (i % 2 == 0)
      all.emplace_back(std::make_unique<int>(i));
    else
      all.emplace_back(error(std::to_string(i)));
  }
  for (int i = 0; i < 100; ++i) {
    const auto& each = all[static_cast<std::size_t>(i)];
    if (i % 2 == 0)
      BOOST_TEST(**each == i);
    else
      BOOST_TEST(each.error().message == std::to_string(i));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace essaim
