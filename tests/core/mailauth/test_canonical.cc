#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "core/mailauth/body_hash.h"
#include "core/mailauth/canonical.h"
#include "tests/core/mailauth/naive_canonical.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

constexpr auto kSimple = Canonicalization::kSimple;
constexpr auto kRelaxed = Canonicalization::kRelaxed;

std::string field(std::string_view text, Canonicalization how) {
  std::string out;
  append_canonical_field(text, how, &out);
  return out;
}

// In pieces of random sizes.
std::string body(std::string_view text, Canonicalization how, unsigned seed) {
  std::mt19937 random(seed);
  BodyCanonicalizer canonicalizer(how);
  std::string out;
  const auto sink = [&out](std::string_view octets) { out.append(octets); };
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, 1 + random() % 5);
    canonicalizer.update(piece, sink);
    text.remove_prefix(piece.size());
  }
  canonicalizer.finish(sink);
  return out;
}

std::string hash_in_base64(std::string_view text, Canonicalization how) {
  const Sha256Digest digest = body_hash(text, how);
  return base64_encoded({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(canonical)

BOOST_AUTO_TEST_CASE(the_examples_of_rfc_6376_section_3_4_5) {
  const std::string text = " C \r\nD \t E\r\n\r\n\r\n";
  BOOST_TEST(field("A: X\r\n", kRelaxed) == "a:X\r\n");
  BOOST_TEST(field("B : Y\t\r\n\tZ  \r\n", kRelaxed) == "b:Y Z\r\n");
  BOOST_TEST(field("B : Y\t\r\n\tZ  \r\n", kSimple) == "B : Y\t\r\n\tZ  \r\n");
  for (unsigned seed = 0; seed < 50; ++seed) {
    BOOST_TEST(body(text, kRelaxed, seed) == " C\r\nD E\r\n");
    BOOST_TEST(body(text, kSimple, seed) == " C \r\nD \t E\r\n");
  }
}

// RFC 6376 §3.4.3 and §3.4.4 give them.
BOOST_AUTO_TEST_CASE(empty_bodies_have_the_hashes_of_the_rfc) {
  BOOST_TEST(hash_in_base64("", kSimple) == "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
  BOOST_TEST(hash_in_base64("", kRelaxed) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  BOOST_TEST(hash_in_base64("\r\n \t\r\n", kRelaxed) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

BOOST_AUTO_TEST_CASE(fields_in_odd_shapes) {
  BOOST_TEST(field("SUBJect:\t \r\n  a\t\tb\r\n \r\n", kRelaxed) == "subject:a b\r\n");
  BOOST_TEST(field("X:\r\n", kRelaxed) == "x:\r\n");
  BOOST_TEST(field("X:   \r\n\t\r\n", kRelaxed) == "x:\r\n");
  BOOST_TEST(field("Subject: gr\xfc\xdf\r\n", kRelaxed) == "subject:gr\xfc\xdf\r\n");
}

BOOST_AUTO_TEST_CASE(the_streaming_one_gives_what_the_naive_one_gives) {
  const std::string_view alphabet[] = {"\r\n", "\r\n", " ", "\t", "a", "\r", "\n", "\xff", "  \r\n", "word"};
  std::mt19937 random(7);
  for (unsigned round = 0; round < 20'000; ++round) {
    std::string text;
    for (unsigned n = random() % 12; n > 0; --n) text += alphabet[random() % std::size(alphabet)];
    for (const auto how : {kSimple, kRelaxed}) {
      BOOST_TEST_INFO(hex_encoded(text));
      BOOST_REQUIRE(body(text, how, round) == naive_canonical_body(text, how));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_limit_counts_octets_of_the_canonical_body) {
  BodyHasher hasher(kRelaxed, 5);
  hasher.update("a  b\r\nc");
  const Sha256Digest digest = hasher.finish();
  BOOST_TEST((digest == sha256("a b\r\n")));
  BOOST_TEST(hasher.octets() == 8u);
}

// One pass for all signatures of a message, whatever l= they have.
BOOST_AUTO_TEST_CASE(beginnings_of_any_length_are_hashed_besides_and_each_as_if_alone) {
  const std::string text = "ab  \r\n\r\n\r\nc d" + std::string(20'000, 'e') + "\r\nf";
  for (const auto how : {kSimple, kRelaxed}) {
    const std::string canonical = naive_canonical_body(text, how);
    const std::optional<std::uint64_t> wanted[] = {
        7, std::nullopt, 0, canonical.size(), 7, 20'005, canonical.size() - 1, canonical.size() + 1,
        1, UINT64_MAX};
    for (const std::size_t size : {std::size_t{1}, std::size_t{3}, text.size()}) {
      BodyHasher hasher(how, 12);
      for (const auto& limit : wanted) hasher.want(limit);
      for (std::size_t at = 0; at < text.size(); at += size)
        hasher.update(std::string_view(text).substr(at, size));
      BOOST_TEST((hasher.finish() == sha256(canonical.substr(0, 12))));
      for (const auto& limit : wanted)
        BOOST_TEST((hasher.digest(limit) == sha256(canonical.substr(0, limit.value_or(SIZE_MAX)))));
      BOOST_TEST(hasher.octets() == canonical.size());
    }
    BodyHasher of_nothing(how, 0);
    of_nothing.want(2);
    of_nothing.want(std::nullopt);
    BOOST_TEST((of_nothing.finish() == sha256("")));
    BOOST_TEST((of_nothing.digest(2) == sha256(naive_canonical_body("", how))));
    BOOST_TEST((of_nothing.digest(std::nullopt) == sha256(naive_canonical_body("", how))));
  }
}

// Line ends are held back as a number, and come out at once when an octet follows.
BOOST_AUTO_TEST_CASE(a_body_of_empty_lines_costs_no_memory) {
  std::string text;
  while (text.size() < 2'000'000) text += "\r\n";
  text += "x";
  for (const auto how : {kSimple, kRelaxed}) {
    for (const std::optional<std::uint64_t> limit :
         {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{3},
          std::optional<std::uint64_t>{1'900'000}}) {
      BodyHasher hasher(how, limit);
      hasher.update(text);
      BOOST_TEST(hasher.held() <= 64u * 1024);
      const Sha256Digest digest = hasher.finish();
      BOOST_TEST(hasher.held() < 64u);
      BOOST_TEST(hasher.octets() == text.size() + 2);
      BOOST_TEST((digest == sha256(naive_canonical_body(text, how).substr(0, limit.value_or(SIZE_MAX)))));
    }
    std::size_t largest = 0;
    BodyCanonicalizer canonicalizer(how);
    canonicalizer.update(text, [&](std::string_view octets) { largest = std::max(largest, octets.size()); });
    BOOST_TEST(largest <= 2 * BodyCanonicalizer::kMostLineEnds);
  }
}

// White space is part of the body, too, and so are long lines: the buffer is none of theirs.
BOOST_AUTO_TEST_CASE(pieces_of_all_sizes_are_hashed_alike) {
  std::string text;
  for (std::size_t length = 1; length < 50'000; length = length * 3 + 1)
    text += std::string(length, 'a') + " \t b" + std::string(length, ' ') + "\r\n\r\n";
  for (const auto how : {kSimple, kRelaxed}) {
    const Sha256Digest whole = body_hash(text, how);
    BOOST_TEST((whole == sha256(naive_canonical_body(text, how))));
    for (const std::size_t size : {std::size_t{1}, std::size_t{16'383}, std::size_t{16'385}}) {
      BodyHasher hasher(how);
      for (std::size_t at = 0; at < text.size(); at += size) {
        hasher.update(std::string_view(text).substr(at, size));
        BOOST_REQUIRE(hasher.held() <= 64u * 1024);
      }
      BOOST_TEST((hasher.finish() == whole));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
