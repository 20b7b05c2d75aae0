#include <boost/test/unit_test.hpp>

#include "tests/core/mail/messages.h"
#include "tests/core/mailauth/signed_mail.h"

using namespace essaim;
using namespace essaim::mailauth;
using mail::crlf;

namespace {

const std::string kLetter = crlf(R"(From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
)");

// RFC 6376 appendix A.2.
const std::string kSigned6376 = crlf(R"(DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
)") + kLetter;

// RFC 8463 appendix A.3: one signature of each kind.
const std::string kSigned8463 = crlf(R"(DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
)") + kLetter;

Answers rfc_keys() {
  Answers answers;
  publish(
      &answers, "brisbane._domainkey.example.com",
      "v=DKIM1; "
      "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4j"
      "YfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/"
      "NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ"
      "2QIDAQAB");
  publish(&answers, "brisbane._domainkey.football.example.com",
          "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  publish(&answers, "test._domainkey.football.example.com",
          "v=DKIM1; k=rsa; "
          "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J1"
          "6JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
          "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTI"
          "KT+l/K4w3QIDAQAB");
  return answers;
}

// `text` with the first `from` replaced.
std::string with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

DkimResult first(const std::string& message, Answers& answers) {
  const auto results = verify(message, answers);
  BOOST_REQUIRE(!results.empty());
  return results.front();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dkim)

BOOST_AUTO_TEST_CASE(the_example_of_rfc_6376_verifies) {
  Answers answers = rfc_keys();
  const auto result = first(kSigned6376, answers);
  BOOST_TEST(to_string(result.status) == "pass");
  BOOST_TEST(result.reason == "");
  BOOST_TEST(result.signature.domain == "example.com");
  BOOST_TEST(result.signature.identity == "joe@football.example.com");
  BOOST_TEST(result.signature.shown == "AuUoFEfD");
  BOOST_TEST(result.key_bits == 1024);
}

BOOST_AUTO_TEST_CASE(the_example_of_rfc_8463_verifies_twice) {
  Answers answers = rfc_keys();
  const auto results = verify(kSigned8463, answers);
  BOOST_REQUIRE(results.size() == 2u);
  for (const auto& result : results) BOOST_TEST(to_string(result.status) == "pass");
  BOOST_TEST(to_string(results[0].signature.algorithm) == "ed25519-sha256");
}

BOOST_AUTO_TEST_CASE(a_change_of_what_is_signed_breaks_it_and_other_changes_do_not) {
  const struct {
    std::string_view from, to, status;
  } rows[] = {
      {"hungry", "angry", "fail"},
      {"dinner", "supper", "fail"},
      {"Joe SixPack", "Joe Sixpack", "fail"},
      {"Hi.\r\n", "Hi. \r\n", "pass"},                                   // relaxed
      {"Subject: Is", "SUBJECT:\r\n\tIs", "pass"},                       // relaxed
      {"From: Joe", "X-Other: new\r\nFrom: Joe", "pass"},                // not signed
      {"From: Joe", "From: Eve <e@evil.example>\r\nFrom: Joe", "fail"},  // oversigned
      {"\r\nJoe.\r\n", "\r\nJoe.\r\n\r\n\r\n", "pass"},                  // empty lines at the end
      {"\r\nJoe.\r\n", "\r\nJoe.\r\nPS: no\r\n", "fail"},
  };
  for (const auto& row : rows) {
    Answers answers = rfc_keys();
    BOOST_TEST_INFO(row.from << " -> " << row.to);
    BOOST_TEST(to_string(first(with(kSigned8463, row.from, row.to), answers).status) == row.status);
  }
}

BOOST_AUTO_TEST_CASE(signatures_that_cannot_be_looked_at_are_neutral) {
  const struct {
    std::string_view from, to, reason;
  } rows[] = {
      {"v=1; ", "", "the version is not 1"},
      {"v=1; ", "v=2; ", "the version is not 1"},
      {"a=rsa-sha256; ", "", "there is no a="},
      {"a=rsa-sha256; ", "a=rsa-md5; ", "unknown algorithm"},
      {"h=Received : From", "h=Received", "From is not signed"},
      {"i=joe@football.example.com", "i=joe@example.net", "i= is not within d="},
      {"i=joe@football.example.com", "i=joe@badexample.com", "i= is not within d="},
      {"c=simple/simple", "c=nowsp", "unknown canonicalisation"},
      {"s=brisbane; ", "", "there is no s="},
      {"s=brisbane; ", "s= ; ", "there is no s="},
      {"s=brisbane; ", "s=bris/bane; ", "s= is no name"},
      {"s=brisbane; ", "s=bris..bane; ", "s= is no name"},
      {"d=example.com;", "", "no domain"},
      {"q=dns/txt", "q=http", "unknown way to get the key"},
      {"q=dns/txt", "t=10; x=5", "it expires before it was made"},
      {"q=dns/txt", "x=1000", "signature expired"},
      {"q=dns/txt", "l=100000", "the body is shorter than l="},
      {"q=dns/txt", "l=-1", "tag l is no number"},
      {"q=dns/txt", "s=other", "tag s twice"},
      {"b=AuUo", "b=!!!!", "b= is not in base 64"},
      {"bh=2jUS", "bh=!jUS", "bh= is not in base 64"},
  };
  for (const auto& row : rows) {
    Answers answers = rfc_keys();
    const auto result = first(with(kSigned6376, row.from, row.to), answers);
    BOOST_TEST_INFO(row.from << " -> " << row.to);
    BOOST_TEST(to_string(result.status) == "neutral");
    BOOST_TEST(result.reason == row.reason);
  }
}

BOOST_AUTO_TEST_CASE(what_the_key_says_decides) {
  const std::string good = key_record_text(rsa_key()->key);
  const struct {
    std::string record;
    std::string_view status;
  } rows[] = {
      {good, "pass"},
      {"t=s; " + good.substr(9), "pass"},
      {"t=y; " + good.substr(9), "pass"},
      {"v=DKIM1; p=", "permerror"},
      {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "permerror"},
      {"h=sha1; " + good.substr(9), "permerror"},
      {"garbage", "permerror"},
      {key_record_text(PrivateKey::generate(Algorithm::kRsaSha256)), "fail"},
      // 512 bits: RFC 8301 §3.2
      {"p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAN+"
       "I5Ns4VwyrZfnmGpEcT5TYYcDptBY2p8JCnnvKpAE7sVPTnGvYkk5JvDH2g24Gvn9OKtLUlzQ7"
       "w3QkFZUgVj0CAwEAAQ==",
       "policy"},
      // an exponent of 1,023 bits
      {"p=MIIBBwKBgQDFpU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4xIB5p/tqg7ui5mX9cfCmZ/a/lkyU81lSvTfrXFC"
       "egrrP+6SMvivIhH57kkcWxC+y1Vjv8Hm+TQn7LyP4pVeXNjkbcjtS3wnZNKlpNdncG+F2GkAJK1r2jQBvpOwKBgEXIy8zJNfbNH2"
       "EiauFTOK4aNABNM7oNJGrATIGxuvI+O/nu9fefK0k0r4f1UgtpuUsNmC6Fu1W2cqhyY3rNdGb8tg4Oj/GEY7DksropcDR08GSsaP"
       "cA9bArPcZm9FveqizK7c0rUVdBDk3uSvKzT0MKBzRH3mNsDoBslXumhNY7",
       "permerror"},
  };
  for (const auto& row : rows) {
    Answers answers;
    const std::string message = signed_message(kLetter, {rsa_key()}, &answers);
    publish(&answers, "r1._domainkey.lists.example.org", row.record);
    BOOST_TEST_INFO(row.record);
    BOOST_TEST(to_string(first(message, answers).status) == row.status);
  }
}

BOOST_AUTO_TEST_CASE(the_name_server_decides_between_now_and_never) {
  Answers answers = rfc_keys();
  const Question key{RecordType::kText, "brisbane._domainkey.example.com"};
  answers.add(key, {Answer::Status::kTemporary, {}, "timed out"});
  BOOST_TEST(to_string(first(kSigned6376, answers).status) == "temperror");
  answers.add(key, {Answer::Status::kNoName, {}, {}});
  BOOST_TEST(to_string(first(kSigned6376, answers).status) == "permerror");
  answers.add(key, {Answer::Status::kNoData, {}, {}});
  BOOST_TEST(to_string(first(kSigned6376, answers).status) == "permerror");
}

// RFC 8616 §5.
BOOST_AUTO_TEST_CASE(the_key_of_a_selector_with_other_letters_is_under_its_a_labels) {
  const SigningKey key{"example.com",
                       "B\xc3\xbc"
                       "cher",
                       PrivateKey::generate(Algorithm::kEd25519Sha256)};
  Answers answers;
  publish(&answers, "xn--bcher-kva._domainkey.example.com", key_record_text(key.key));
  const auto result = first(signed_by_stranger(kLetter, key, {.fields = {"From", "Subject"}}), answers);
  BOOST_TEST(to_string(result.status) == "pass");
  BOOST_TEST(result.signature.selector == "xn--bcher-kva");
}

BOOST_AUTO_TEST_CASE(sha_1_is_not_accepted) {
  Answers answers = rfc_keys();
  BOOST_TEST(to_string(first(with(kSigned6376, "rsa-sha256", "rsa-sha1"), answers).status) == "policy");
}

BOOST_AUTO_TEST_CASE(a_strict_key_is_not_for_subdomains) {
  Answers answers = rfc_keys();
  const Question key{RecordType::kText, "brisbane._domainkey.example.com"};
  const std::string record = "t=s;" + answers.find(key.type, key.name)->values.front().substr(8);
  publish(&answers, key.name, record);
  BOOST_TEST(first(kSigned6376, answers).reason == "the key is not for subdomains");
}

BOOST_AUTO_TEST_CASE(only_the_first_signatures_are_looked_at) {
  std::string message = kLetter;
  for (int i = 0; i < 40; ++i) message = "DKIM-Signature: v=1; nonsense\r\n" + message;
  Answers answers;
  BOOST_TEST(verify(message, answers).size() == DkimVerifier::kMaxSignatures);
}

BOOST_AUTO_TEST_SUITE_END()
