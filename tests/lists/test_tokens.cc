#include <boost/test/unit_test.hpp>

#include "core/base/text.h"
#include "core/smtp/address.h"
#include "lists/tokens.h"
#include "tests/support/temp_database.h"

using namespace essaim;
using namespace essaim::lists;

namespace {

const Tokens tokens(std::string(32, 'k'));
constexpr Id kPost = 123456789012345678;
constexpr Id kMember = 223456789012345678;

storage::PostRecord post_of(storage::PostKind kind) {
  storage::PostRecord post;
  post.id = kPost;
  post.kind = kind;
  return post;
}

std::string verp(storage::PostKind kind, Id member) {
  std::string out;
  tokens.append_verp(post_of(kind), member, &out);
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_tokens)

BOOST_AUTO_TEST_CASE(verp_is_read_back_in_any_case_and_fits_a_local_part) {
  for (const auto kind : {storage::PostKind::kList, storage::PostKind::kForward}) {
    for (const Id member : {kMember, Id{0}}) {
      const std::string local = verp(kind, member);
      BOOST_TEST(local.size() <= smtp::kMaxLocalPart);
      for (const std::string& text : {local, upper(local)}) {
        const auto bounce = tokens.read_bounce(text);
        BOOST_REQUIRE(bounce.has_value());
        BOOST_TEST(bounce->post_id == kPost);
        BOOST_TEST(bounce->member_id == member);
        BOOST_TEST(bounce->to_owner == (kind == storage::PostKind::kForward));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_altered_octet_of_a_token_is_refused) {
  std::string leave;
  tokens.append_leave(5, kMember, &leave);
  const std::string bounce = verp(storage::PostKind::kList, kMember);
  const auto altered = [](std::string text, std::size_t at) {
    text[at] = text[at] == '0' ? '1' : '0';
    return text;
  };
  BOOST_TEST((tokens.read_leave(5, leave) == kMember));
  for (std::size_t i = 0; i < leave.size(); ++i)
    BOOST_TEST(!tokens.read_leave(5, altered(leave, i)).has_value());
  for (std::size_t i = 0; i < bounce.size(); ++i)
    BOOST_TEST(!tokens.read_bounce(altered(bounce, i)).has_value());
  for (std::size_t n = 0; n < bounce.size(); ++n)
    BOOST_TEST(!tokens.read_bounce(bounce.substr(0, n)).has_value());
  BOOST_TEST(!tokens.read_bounce(bounce + "0").has_value());
}

BOOST_AUTO_TEST_CASE(no_token_passes_for_another_purpose_list_or_key) {
  std::string leave;
  tokens.append_leave(5, kMember, &leave);
  BOOST_TEST(!tokens.read_leave(6, leave).has_value());
  BOOST_TEST(!Tokens(std::string(32, 'x')).read_leave(5, leave).has_value());
  const std::string to_member = verp(storage::PostKind::kList, kMember);
  BOOST_TEST(!tokens.read_bounce("o" + to_member).has_value());
  BOOST_TEST(!tokens.read_bounce(verp(storage::PostKind::kForward, kMember).substr(1)).has_value());
}

BOOST_AUTO_TEST_CASE(the_key_of_the_site_is_made_once) {
  test::TempDatabase database;
  std::string first;
  std::string second;
  auto made = Tokens::load(*database);
  BOOST_REQUIRE(made.ok());
  (*made)->append_leave(5, kMember, &first);
  database.reopen();
  auto again = Tokens::load(*database);
  BOOST_REQUIRE(again.ok());
  (*again)->append_leave(5, kMember, &second);
  BOOST_TEST(first == second);
  BOOST_TEST(!tokens.read_leave(5, first).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
