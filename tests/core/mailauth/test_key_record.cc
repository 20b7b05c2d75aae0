#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "core/mailauth/key_record.h"
#include "tests/core/mailauth/signed_mail.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

std::string p(const PrivateKey& key) {
  return "p=" + base64_encoded(key.public_data());
}

std::string der(char tag, const std::string& content) {
  std::string out(1, tag);
  const std::size_t size = content.size();
  if (size >= 256) {
    out += {'\x82', static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  } else if (size >= 128) {
    out += {'\x81', static_cast<char>(size)};
  } else {
    out += static_cast<char>(size);
  }
  return out + content;
}

// An RSAPublicKey of 3,072 bits with this exponent.
std::string p_with_exponent(const std::string& octets) {
  const std::string modulus = std::string(1, '\0') + std::string(384, '\xc5');
  return "p=" + base64_encoded(der('\x30', der('\x02', modulus) + der('\x02', octets)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(key_record)

BOOST_AUTO_TEST_CASE(records_that_can_be_used) {
  const std::string rsa = p(rsa_key()->key);
  for (const std::string& text :
       {rsa, "v=DKIM1; " + rsa, "v=DKIM1;k=rsa;" + rsa,
        "v=DKIM1; h=sha1 : sha256; s=tlsrpt:email; t=x; n=a note; " + rsa,
        "k=ed25519; " + p(ed25519_key()->key), "v=DKIM1; unknown=1; s=*; " + rsa, rsa + ";"}) {
    const auto record = parse_key_record(text);
    BOOST_TEST_INFO(text);
    BOOST_REQUIRE(record.ok());
    BOOST_TEST(record->key.has_value());
    BOOST_TEST(!record->strict);
  }
  const auto flagged = parse_key_record("t=y:s; " + rsa);
  BOOST_REQUIRE(flagged.ok());
  BOOST_TEST((flagged->strict && flagged->testing));
  const auto revoked = parse_key_record("v=DKIM1; p=");
  BOOST_REQUIRE(revoked.ok());
  BOOST_TEST(revoked->revoked);
}

BOOST_AUTO_TEST_CASE(records_that_cannot) {
  const std::string rsa = p(rsa_key()->key);
  for (const std::string& text :
       {std::string("v=spf1 -all"), "v=DKIM2; " + rsa, rsa + "; v=DKIM1", "h=sha1; " + rsa,
        "s=tlsrpt; " + rsa, "k=dsa; " + rsa, std::string("v=DKIM1"), std::string("p=!!"),
        std::string("p=QUJD"), "k=ed25519; " + rsa, "k=rsa; " + p(ed25519_key()->key),
        std::string("v=DKIM1; p=QUJD; p=")}) {
    BOOST_TEST_INFO(text);
    BOOST_TEST(!parse_key_record(text).ok());
  }
}

BOOST_AUTO_TEST_CASE(an_exponent_that_makes_verification_dear_is_refused) {
  const struct {
    std::string octets, why;
  } rows[] = {
      {std::string("\x01\x00\x01", 3), ""},
      {std::string("\x01\x00\x00\x00\x01", 5), ""},
      {std::string("\x02\x00\x00\x00\x01", 5), "an RSA key with an exponent of 34 bits"},
      {std::string(1, '\0'), "an RSA key with an exponent of 0 bits"},
      {std::string(3'000, '\x45'), "an RSA key with an exponent of 23999 bits"},
      {std::string(384, '\x45'), "an RSA key with an exponent of 3071 bits"},
  };
  for (const auto& row : rows) {
    const auto record = parse_key_record(p_with_exponent(row.octets));
    BOOST_TEST((record.ok() ? "" : record.error().message) == row.why);
  }
}

BOOST_AUTO_TEST_CASE(a_private_key_comes_back_from_its_text) {
  for (const auto& key : {rsa_key(), ed25519_key()}) {
    const auto again = PrivateKey::from_pem(key->key.to_pem());
    BOOST_REQUIRE(again.ok());
    BOOST_TEST(again->public_data() == key->key.public_data());
    const auto record = parse_key_record(key_record_text(key->key));
    BOOST_REQUIRE(record.ok());
    const Sha256Digest digest = sha256("words");
    BOOST_TEST(record->key->verify(digest, again->sign(digest)));
    BOOST_TEST(!record->key->verify(sha256("other words"), again->sign(digest)));
    BOOST_TEST(!record->key->verify(digest, "short"));
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_private_key_of_ours_is_refused) {
  BOOST_TEST(!PrivateKey::from_pem("").ok());
  BOOST_TEST(!PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").ok());
}

BOOST_AUTO_TEST_SUITE_END()
