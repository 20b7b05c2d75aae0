#include <fstream>

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

// The member; 0: it is not ours.
Id read_leave(Id list_id, std::string_view token) {
  const auto leave = Tokens::read_leave(tokens.leave_keys(), list_id, token);
  return leave ? leave->member_id : 0;
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
  BOOST_TEST(read_leave(5, leave) == kMember);
  BOOST_TEST(read_leave(5, upper(leave)) == kMember);
  for (std::size_t i = 0; i < leave.size(); ++i) BOOST_TEST(read_leave(5, altered(leave, i)) == 0);
  for (std::size_t i = 0; i < bounce.size(); ++i)
    BOOST_TEST(!tokens.read_bounce(altered(bounce, i)).has_value());
  for (std::size_t n = 0; n < bounce.size(); ++n)
    BOOST_TEST(!tokens.read_bounce(bounce.substr(0, n)).has_value());
  BOOST_TEST(!tokens.read_bounce(bounce + "0").has_value());
}

BOOST_AUTO_TEST_CASE(no_token_passes_for_another_purpose_list_or_key) {
  std::string leave;
  tokens.append_leave(5, kMember, &leave);
  BOOST_TEST(read_leave(6, leave) == 0);
  BOOST_TEST(!Tokens::read_leave(LeaveKeys::of(std::string(32, 'x')), 5, leave).has_value());
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
  BOOST_TEST(read_leave(5, first) == 0);
}

BOOST_AUTO_TEST_CASE(a_link_names_list_and_member_shows_neither_and_bears_no_change) {
  std::string link, other;
  tokens.append_link(5, kMember, &link);
  tokens.append_link(5, kMember + 1, &other);
  BOOST_TEST(link.size() == 36U);
  const auto read = Tokens::read_link(tokens.leave_keys(), link);
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(read->list_id == 5);
  BOOST_TEST(read->member_id == kMember);
  BOOST_TEST(!read->retired);
  BOOST_TEST(link.find(format_id(kMember)) == std::string::npos);
  // Ids that differ in one bit have nothing in common.
  int same = 0;
  for (std::size_t i = 1; i < link.size(); ++i) same += link[i] == other[i] ? 1 : 0;
  BOOST_TEST(same < 12);
  for (std::size_t i = 0; i < link.size(); ++i) {
    std::string altered = link;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    BOOST_TEST(!Tokens::read_link(tokens.leave_keys(), altered).has_value(), altered);
  }
  for (std::size_t n = 0; n < link.size(); ++n)
    BOOST_TEST(!Tokens::read_link(tokens.leave_keys(), link.substr(0, n)).has_value());
  for (const char* more : {"A", "=", "/", " "})
    BOOST_TEST(!Tokens::read_link(tokens.leave_keys(), link + more).has_value());
  std::string again;
  tokens.append_link(5, kMember, &again);
  BOOST_TEST(link == again);
}

BOOST_AUTO_TEST_CASE(a_token_is_good_until_its_key_is_retired_and_then_it_is_told_from_a_forged_one) {
  const WallTime now = from_millis(1'790'000'000'000);
  Tokens made(std::string(32, 'k'));
  std::string old_link, old_leave;
  made.append_link(5, kMember, &old_link);
  made.append_leave(5, kMember, &old_leave);
  LeaveKeys keys = made.leave_keys();
  BOOST_TEST(keys.add(now).value() == 1);
  made.set_leave_keys(keys);
  std::string link;
  made.append_link(5, kMember, &link);
  BOOST_TEST(link.front() == '1');
  BOOST_TEST(!Tokens::read_link(keys, old_link)->retired);
  BOOST_TEST(!Tokens::read_leave(keys, 5, old_leave)->retired);
  BOOST_REQUIRE(keys.retire(0, now).ok());
  BOOST_TEST(Tokens::read_link(keys, old_link)->retired);
  BOOST_TEST(Tokens::read_leave(keys, 5, old_leave)->retired);
  BOOST_TEST(!Tokens::read_link(keys, link)->retired);
  // A node that has not heard of the new key does not say that it is forged.
  using Form = Tokens::LinkForm;
  BOOST_TEST((Tokens::form_of_link(tokens.leave_keys(), link) == Form::kUnknownKey));
  BOOST_TEST((Tokens::form_of_link(keys, link) == Form::kOurs));
  BOOST_TEST((Tokens::form_of_link(keys, old_link) == Form::kOurs));
  link.back() = link.back() == 'A' ? 'B' : 'A';
  BOOST_TEST((Tokens::form_of_link(keys, link) == Form::kForeign));
  BOOST_TEST((Tokens::form_of_link(keys, "") == Form::kForeign));
  BOOST_TEST((Tokens::form_of_link(keys, "9nonsense") == Form::kForeign));
}

// So that fuzzing begins behind the code and not before it.
BOOST_AUTO_TEST_CASE(the_seeds_of_the_fuzz_target_are_tokens_of_its_key) {
  const Tokens fuzzed("a key of thirty-two octets here.");
  const auto seed = [](const std::string& name) {
    std::ifstream in(ESSAIM_SOURCE_DIR "/tests/fuzz/corpus/tokens/" + name);
    std::string text;
    std::getline(in, text);
    return text;
  };
  const auto link = Tokens::read_link(fuzzed.leave_keys(), seed("link-real"));
  BOOST_TEST((link && link->list_id == 7 && link->member_id == 9));
  BOOST_TEST(Tokens::read_link(fuzzed.leave_keys(), seed("link-real-large")).has_value());
  BOOST_TEST(
      (Tokens::form_of_link(fuzzed.leave_keys(), seed("link-unknown-key")) == Tokens::LinkForm::kUnknownKey));
  BOOST_TEST(!Tokens::read_link(fuzzed.leave_keys(), seed("link-truncated")));
  BOOST_TEST(Tokens::read_leave(fuzzed.leave_keys(), 7, seed("leave-real")).has_value());
  BOOST_TEST(fuzzed.read_bounce(seed("verp-real")).has_value());
  BOOST_TEST(fuzzed.read_bounce(seed("owner-real"))->to_owner);
}

BOOST_AUTO_TEST_SUITE_END()
