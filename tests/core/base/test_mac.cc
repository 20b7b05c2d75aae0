#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "core/base/mac.h"

using namespace essaim;

namespace {
std::string hex(const Sha256Digest& digest) {
  return hex_encoded(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}
}  // namespace

BOOST_AUTO_TEST_SUITE(mac)

BOOST_AUTO_TEST_CASE(hmac_follows_rfc_4231) {
  MacKey jefe("Jefe");
  MacKey ones(std::string(20, '\x0b'));
  for (int i = 0; i < 2; ++i) {  // twice: the second time with the context of the thread
    BOOST_TEST(hex(jefe.mac("what do ya want for nothing?")) ==
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    BOOST_TEST(hex(ones.mac("Hi There")) ==
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  }
  BOOST_TEST(jefe.short_mac("x").size() == 10U);
  BOOST_TEST(jefe.short_mac("x") != ones.short_mac("x"));
}

BOOST_AUTO_TEST_CASE(sha256_follows_fips_180) {
  BOOST_TEST(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

BOOST_AUTO_TEST_SUITE_END()
