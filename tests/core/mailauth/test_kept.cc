// What was verified, kept with a message that waits.
#include <boost/test/unit_test.hpp>

#include "core/mailauth/kept.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/core/mailauth/zone.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

const MailSource kSource{"192.0.2.1", "client.example.org", {"ann", "lists.example.org"}};

// Two good signatures, one that is none, one whose key is not there, and a chain that is broken.
std::string a_message() {
  Answers unused;
  return signed_message(
      "DKIM-Signature: v=1; a=rsa-sha256; d=gone.example; s=x; h=from; bh=AAAA; b=AAAA\r\n"
      "DKIM-Signature: nonsense\r\n"
      "ARC-Seal: i=1; a=rsa-sha256; d=hop.example; s=h; cv=none; b=AAAA\r\n"
      "From: Ann <ann@lists.example.org>\r\nSubject: x\r\n\r\nText\r\n",
      {rsa_key(), ed25519_key()}, &unused);
}

Authentication found_in(const std::string& message) {
  auto check = MessageCheck::make(kSource, message);
  BOOST_REQUIRE(check.ok());
  Zone zone;
  for (const auto& key : {rsa_key(), ed25519_key()})
    zone.text(key_record_name(key->selector, key->domain), key_record_text(key->key));
  zone.text("_dmarc.lists.example.org", "v=DMARC1; p=reject; t=y");
  zone.text("lists.example.org", "v=spf1 ip4:192.0.2.0/24 -all");
  return zone.resolve([&](Answers& answers) {
    (*check)->look(answers);
    return (*check)->conclude(from_millis(1'790'000'000'000), answers);
  });
}

mail::HeaderBlock header_of(const std::string& message) {
  auto header = mail::HeaderBlock::parse(message);
  BOOST_REQUIRE(header.ok());
  return *std::move(header);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kept)

BOOST_AUTO_TEST_CASE(what_is_read_back_is_what_was_found) {
  const std::string message = a_message();
  const Authentication found = found_in(message);
  BOOST_REQUIRE(found.dkim.size() == 4);
  const auto again = authentication_kept(kept_authentication(found), header_of(message));
  BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.error().message));
  BOOST_TEST(format_results(to_results(*again, kSource, "mx")) ==
             format_results(to_results(found, kSource, "mx")));
  BOOST_TEST(to_string(again->dmarc.published) == "reject");
  BOOST_TEST(to_string(again->dmarc.policy) == "quarantine");
  BOOST_TEST(again->dmarc.policy_domain == "lists.example.org");
  BOOST_TEST(again->dmarc.aligned_dkim == found.dmarc.aligned_dkim, boost::test_tools::per_element());
  BOOST_TEST(again->author_authenticated());
  BOOST_TEST(again->arc.sets == found.arc.sets);
  BOOST_TEST(again->temporary() == found.temporary());
  // The keys, too: signatures can be verified again without any name server.
  const auto header = header_of(message);
  const FieldIndex index(header);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST(again->dkim[i].key_bits == found.dkim[i].key_bits);
    const Signature& signature = again->dkim[i].signature;
    for (const char* body : {"Text\r\n", "Other\r\n"}) {
      BodyHashes hashes;
      // With what others cover of it.
      hashes.want(Canonicalization::kSimple, 3);
      const std::size_t number = hashes.want(signature.body, signature.body_length);
      hashes.take(body);
      hashes.finish();
      BOOST_TEST(still_verifies(again->dkim[i], header, index, &hashes, number) == (*body == 'T'));
    }
    BOOST_TEST(still_verifies(again->dkim[i], header, index, nullptr, 0));
  }
}

BOOST_AUTO_TEST_CASE(what_is_cut_or_spoilt_or_of_another_message_is_not_believed) {
  const std::string message = a_message();
  const auto header = header_of(message);
  const std::string octets = kept_authentication(found_in(message));
  for (std::size_t length = 0; length < octets.size(); ++length)
    BOOST_TEST(!authentication_kept(octets.substr(0, length), header).ok());
  BOOST_TEST(!authentication_kept(octets + "x", header).ok());
  BOOST_TEST(!authentication_kept("\x02" + octets.substr(1), header).ok());
  BOOST_TEST(!authentication_kept(octets, header_of("From: ann@lists.example.org\r\n\r\n")).ok());
  // Whatever octet is another: it is refused or read, and nothing worse.
  for (std::size_t at = 0; at < octets.size(); ++at) {
    std::string other = octets;
    other[at] = static_cast<char>(other[at] ^ 0xff);
    static_cast<void>(authentication_kept(other, header));
  }
}

BOOST_AUTO_TEST_SUITE_END()
