// Tokens by examples of the RFCs and by keys made here; claims row by row.
#include <boost/test/unit_test.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "core/base/base64url.h"
#include "smtpd/accounts/json_web_token.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

using Key = std::shared_ptr<EVP_PKEY>;
constexpr std::int64_t kNow = 1'790'000'000;  // seconds
const TokenRules kRules{"https://id.test", "smtp.test", "sub", ""};

Key make_key(const std::string& algorithm, int bits = 2048) {
  EVP_PKEY* key = algorithm == "RS256"
                      ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(bits))
                  : algorithm == "ES256" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                         : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  return {key, EVP_PKEY_free};
}

std::string number_of(const Key& key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  BOOST_REQUIRE(EVP_PKEY_get_bn_param(key.get(), name, &number) == 1);
  std::string out(static_cast<std::size_t>(size > 0 ? size : BN_num_bytes(number)), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(number);
  return base64url_encoded(out);
}

// As the server would publish it.
std::string published(const std::string& algorithm, const Key& key, const std::string& id) {
  std::string out = "{\"kid\":\"" + id + "\",";
  if (algorithm == "RS256")
    return out + "\"kty\":\"RSA\",\"n\":\"" + number_of(key, OSSL_PKEY_PARAM_RSA_N) + "\",\"e\":\"" +
           number_of(key, OSSL_PKEY_PARAM_RSA_E) + "\"}";
  if (algorithm == "ES256")
    return out + "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" + number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32) +
           "\",\"y\":\"" + number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"}";
  unsigned char raw[32];
  std::size_t size = sizeof raw;
  BOOST_REQUIRE(EVP_PKEY_get_raw_public_key(key.get(), raw, &size) == 1);
  return out + R"("kty":"OKP","crv":"Ed25519","x":")" +
         base64url_encoded({reinterpret_cast<const char*>(raw), size}) + "\"}";
}

std::string made_token(const std::string& algorithm, const Key& key, const std::string& header,
                       const std::string& claims) {
  const std::string text = base64url_encoded(header) + "." + base64url_encoded(claims);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  unsigned char buffer[1024];
  std::size_t size = sizeof buffer;
  BOOST_REQUIRE(EVP_DigestSignInit(context, nullptr, algorithm == "EdDSA" ? nullptr : EVP_sha256(), nullptr,
                                   key.get()) == 1);
  BOOST_REQUIRE(EVP_DigestSign(context, buffer, &size, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size()) == 1);
  EVP_MD_CTX_free(context);
  std::string signature(reinterpret_cast<const char*>(buffer), size);
  if (algorithm == "ES256") {
    const unsigned char* at = buffer;
    ECDSA_SIG* numbers = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size));
    signature.assign(64, '\0');
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(numbers), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(numbers), out + 32, 32);
    ECDSA_SIG_free(numbers);
  }
  return text + "." + base64url_encoded(signature);
}

std::shared_ptr<const JsonWebKeys> keys_of(const std::string& keys) {
  auto parsed = JsonWebKeys::parse("{\"keys\":[" + keys + "]}");
  BOOST_REQUIRE_MESSAGE(parsed.ok(), (parsed.ok() ? "" : parsed.error().message));
  return *parsed;
}

std::string good_claims(const std::string& more = "") {
  return R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann","exp":)" + std::to_string(kNow + 300) +
         more + "}";
}

TokenVerdict judged(const std::string& token, const JsonWebKeys& keys, const TokenRules& rules = kRules) {
  return judge_token(token, keys, rules, from_millis(kNow * 1000));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_web_token)

BOOST_AUTO_TEST_CASE(the_examples_of_the_rfcs_verify_and_spoilt_ones_do_not) {
  const struct {
    const char *algorithm, *key, *token;
  } rows[] = {
      // RFC 7515 App. A.3
      {"ES256",
       R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
       "eyJhbGciOiJFUzI1NiJ9."
       "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
       "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
      // RFC 8037 App. A.4
      {"EdDSA", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
       "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
  };
  for (const auto& row : rows) {
    const std::string token = row.token;
    const std::size_t dot = token.rfind('.');
    const std::string text = token.substr(0, dot);
    const auto signature = base64url_decoded(token.substr(dot + 1));
    BOOST_REQUIRE(signature.has_value());
    const auto keys = keys_of(row.key);
    BOOST_TEST(keys->verify(row.algorithm, "", text, *signature), row.algorithm);
    BOOST_TEST(!keys->verify(row.algorithm, "", text + "x", *signature));
    BOOST_TEST(!keys->verify(row.algorithm, "other", text, *signature));
    BOOST_TEST(!keys->verify("RS256", "", text, *signature));
    for (std::string spoilt : {signature->substr(1), *signature + "x", std::string(), std::string(64, '\0')})
      BOOST_TEST(!keys->verify(row.algorithm, "", text, spoilt));
  }
}

BOOST_AUTO_TEST_CASE(a_token_is_judged_by_the_key_of_its_id_and_by_the_algorithm_of_that_key) {
  const Key rsa = make_key("RS256"), ec = make_key("ES256"), ed = make_key("EdDSA"),
            other = make_key("RS256");
  const auto keys = keys_of(published("RS256", rsa, "r") + "," + published("ES256", ec, "e") + "," +
                            published("EdDSA", ed, "d") + "," + published("RS256", other, "o"));
  const std::pair<const char*, Key> made[] = {{"RS256", rsa}, {"ES256", ec}, {"EdDSA", ed}};
  for (const auto& [algorithm, key] : made) {
    const std::string id = algorithm == std::string("RS256")   ? "r"
                           : algorithm == std::string("ES256") ? "e"
                                                               : "d";
    const auto header = [&](const std::string& more) {
      return std::string("{\"alg\":\"") + algorithm + "\",\"typ\":\"at+jwt\"" + more + "}";
    };
    const std::string with_id = ",\"kid\":\"" + id + "\"";
    BOOST_TEST(judged(made_token(algorithm, key, header(with_id), good_claims()), *keys).name == "ann",
               algorithm);
    BOOST_TEST(judged(made_token(algorithm, key, header(""), good_claims()), *keys).name == "ann", algorithm);
    BOOST_TEST(judged(made_token(algorithm, key, header(",\"kid\":\"o\""), good_claims()), *keys).name == "");
    BOOST_TEST(judged(made_token(algorithm, key, header(",\"kid\":\"gone\""), good_claims()), *keys).why ==
               "no key of the server is for it");
    BOOST_TEST(
        judged(made_token(algorithm, key, header(with_id + ",\"crit\":[\"b64\"]"), good_claims()), *keys)
            .why == "it is no token");
    const std::string good = made_token(algorithm, key, header(with_id), good_claims());
    const std::string claims_of_another = base64url_encoded(good_claims(",\"sub\":\"bob\""));
    BOOST_TEST(
        judged(good.substr(0, good.find('.') + 1) + claims_of_another + good.substr(good.rfind('.')), *keys)
            .why == "its signature is not good");
  }
  // The public key as the secret of a MAC, and no signature at all: algorithms that a token cannot choose.
  for (const char* algorithm : {"HS256", "none", "NONE", "RS512", ""}) {
    const std::string token =
        base64url_encoded(std::string("{\"alg\":\"") + algorithm + "\",\"kid\":\"r\"}") + "." +
        base64url_encoded(good_claims()) + ".";
    BOOST_TEST(judged(token, *keys).name == "", algorithm);
    BOOST_TEST(judged(token + base64url_encoded(std::string(32, 'x')), *keys).name == "", algorithm);
  }
}

BOOST_AUTO_TEST_CASE(each_claim_is_looked_at) {
  const Key key = make_key("EdDSA");
  const auto keys = keys_of(published("EdDSA", key, "d"));
  const std::string now = std::to_string(kNow);
  const auto at = [](std::int64_t seconds) { return std::to_string(kNow + seconds); };
  const struct {
    std::string claims;
    const char* why;  // "": it is good
  } rows[] = {
      {good_claims(), ""},
      {good_claims(R"(,"nbf":)" + now + R"(,"iat":)" + now), ""},
      {R"({"iss":"https://id.test","aud":["x","smtp.test"],"sub":"ann","exp":)" + at(1) + ".5}", ""},
      // A minute for clocks that differ.
      {R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann","exp":)" + at(-59) + "}", ""},
      {good_claims(R"(,"nbf":)" + at(59)), ""},
      {R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann","exp":)" + at(-60) + "}",
       "its time is over"},
      {good_claims(R"(,"nbf":)" + at(61)), "its time has not begun"},
      {good_claims(R"(,"nbf":"soon")"), "its time has not begun"},
      {R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann"})", "it does not say until when it is good"},
      {R"({"iss":"https://id.test","aud":"smtp.test","sub":"ann","exp":"9999999999"})",
       "it does not say until when it is good"},
      {R"({"iss":"https://id.test/","aud":"smtp.test","sub":"ann","exp":)" + at(1) + "}",
       "it is of another issuer"},
      {R"({"aud":"smtp.test","sub":"ann","exp":)" + at(1) + "}", "it is of another issuer"},
      {R"({"iss":"https://id.test","aud":"imap.test","sub":"ann","exp":)" + at(1) + "}",
       "it is for another audience"},
      {R"({"iss":"https://id.test","aud":["imap.test"],"sub":"ann","exp":)" + at(1) + "}",
       "it is for another audience"},
      {R"({"iss":"https://id.test","sub":"ann","exp":)" + at(1) + "}", "it is for another audience"},
      {R"({"iss":"https://id.test","aud":"smtp.test","exp":)" + at(1) + "}", "it names no account"},
      {R"({"iss":"https://id.test","aud":"smtp.test","sub":["ann"],"exp":)" + at(1) + "}",
       "it names no account"},
      // Their time is over, too: only of what is good else that is the reason.
      {R"({"iss":"https://id.test","aud":"imap.test","sub":"ann","exp":)" + at(-60) + "}",
       "it is for another audience"},
      {R"({"iss":"https://id.test","aud":"smtp.test","exp":)" + at(-60) + "}", "it names no account"},
      {"[]", "it has no claims"},
      {"", "it has no claims"},
  };
  for (const auto& row : rows) {
    const auto verdict = judged(made_token("EdDSA", key, R"({"alg":"EdDSA"})", row.claims), *keys);
    BOOST_TEST(verdict.why == row.why, row.claims << ": " << verdict.why);
    BOOST_TEST(verdict.name == (*row.why == '\0' ? "ann" : ""), row.claims);
    BOOST_TEST(verdict.expired == (row.why == std::string("its time is over")), row.claims);
  }
  TokenRules scoped = kRules;
  scoped.scope = "smtp";
  const auto with_scope = [&](const std::string& scope) {
    return judged(made_token("EdDSA", key, R"({"alg":"EdDSA"})", good_claims(R"(,"scope":")" + scope + "\"")),
                  *keys, scoped)
        .name;
  };
  BOOST_TEST(with_scope("imap smtp") == "ann");
  BOOST_TEST(with_scope("smtps") == "");
}

BOOST_AUTO_TEST_CASE(keys_that_are_weak_odd_or_for_something_else_are_passed_over) {
  const Key weak = make_key("RS256", 1024), good = make_key("EdDSA");
  const std::string other_use = published("EdDSA", good, "e");
  const auto set = JsonWebKeys::parse(
      "{\"keys\":[" + published("RS256", weak, "w") + R"(,{"kty":"EC","crv":"P-256","x":")" +
      base64url_encoded(std::string(32, 'x')) + R"(","y":")" + base64url_encoded(std::string(32, 'y')) +
      R"("},{"kty":"oct","k":"c2VjcmV0"},7,)" + "{\"use\":\"enc\"," + other_use.substr(1) +
      ",{\"alg\":\"ES256\"," + other_use.substr(1) + "]}");
  BOOST_REQUIRE(!set.ok());
  BOOST_TEST(set.error().message == "it has no key for RS256, ES256 or EdDSA");
  for (const char* text : {"", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "<html>"})
    BOOST_TEST(!JsonWebKeys::parse(text).ok());
}

BOOST_AUTO_TEST_SUITE_END()
