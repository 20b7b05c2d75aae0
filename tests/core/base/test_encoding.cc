#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(encoding)

BOOST_AUTO_TEST_CASE(base64_follows_the_vectors_of_rfc_4648) {
  struct Row {
    const char* plain;
    const char* coded;
  };
  for (const Row& row :
       {Row{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    BOOST_TEST(base64_encoded(row.plain) == row.coded);
    BOOST_TEST(base64_decoded(row.coded).value() == row.plain);
  }
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "Zm9v\n", "Zm=v"}) {
    BOOST_TEST(!base64_decoded(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(crc32c_follows_rfc_3720) {
  BOOST_TEST(crc32c("123456789") == 0xE3069283U);
  BOOST_TEST(crc32c("6789", crc32c("12345")) == 0xE3069283U);
}

BOOST_AUTO_TEST_CASE(a_reader_past_its_end_fails_once_and_for_all) {
  std::string bytes;
  put_u32(&bytes, 0x89ABCDEF);
  put_varint(&bytes, 300);
  put_string(&bytes, "swarm");
  Reader reader(bytes);
  BOOST_TEST(reader.u32() == 0x89ABCDEFU);
  BOOST_TEST(reader.varint() == 300U);
  BOOST_TEST(reader.string() == "swarm");
  BOOST_TEST(!reader.failed());
  BOOST_TEST(reader.u64() == 0U);
  BOOST_TEST(reader.failed());
  Reader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  BOOST_TEST(endless.varint() == 0U);
  BOOST_TEST(endless.failed());
}

BOOST_AUTO_TEST_SUITE_END()
