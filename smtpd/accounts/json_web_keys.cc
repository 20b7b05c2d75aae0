#include "smtpd/accounts/json_web_keys.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "core/base/base64url.h"

namespace essaim::smtpd {
namespace {

using nlohmann::json;
template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Number = std::unique_ptr<BIGNUM, Freed<BIGNUM, BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM, OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG, ECDSA_SIG_free>>;

constexpr int kLeastRsaBits = 2048, kMostRsaBits = 8192;
constexpr std::size_t kMostKeys = 100;
constexpr std::size_t kCoordinate = 32;  // octets, of P-256

std::string member(const json& key, const char* name) {
  const auto found = key.find(name);
  return found != key.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::string> octets(const json& key, const char* name) {
  auto decoded = base64url_decoded(member(key, name));
  if (!decoded || decoded->empty()) return std::nullopt;
  return decoded;
}

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number number(std::string_view bytes) {
  return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> made(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
    return nullptr;
  const std::shared_ptr<EVP_PKEY> out(key, EVP_PKEY_free);
  // Of a curve: whether the point is on it.
  const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return check != nullptr && EVP_PKEY_public_check(check.get()) == 1 ? out : nullptr;
}

// RFC 7518 §6.3.1
std::shared_ptr<EVP_PKEY> rsa_key(const json& key) {
  const auto modulus = octets(key, "n"), exponent = octets(key, "e");
  if (!modulus || !exponent || modulus->size() > kMostRsaBits / 8 || exponent->size() > 8) return nullptr;
  const Number n = number(*modulus), e = number(*exponent);
  if (BN_num_bits(n.get()) < kLeastRsaBits) return nullptr;
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return made("RSA", builder.get());
}

// RFC 7518 §6.2.1
std::shared_ptr<EVP_PKEY> p256_key(const json& key) {
  const auto x = octets(key, "x"), y = octets(key, "y");
  if (member(key, "crv") != "P-256" || !x || !y || x->size() != kCoordinate || y->size() != kCoordinate)
    return nullptr;
  const std::string point = '\x04' + *x + *y;
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return made("EC", builder.get());
}

// RFC 8037 §2
std::shared_ptr<EVP_PKEY> ed25519_key(const json& key) {
  const auto x = octets(key, "x");
  if (member(key, "crv") != "Ed25519" || !x) return nullptr;
  return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(*x), x->size()), EVP_PKEY_free};
}

// RFC 7518 §3.4: the two numbers one behind the other; OpenSSL wants them in ASN.1.
std::optional<std::string> der_signature(std::string_view signature) {
  if (signature.size() != 2 * kCoordinate) return std::nullopt;
  const Signature numbers(ECDSA_SIG_new());
  ECDSA_SIG_set0(numbers.get(), number(signature.substr(0, kCoordinate)).release(),
                 number(signature.substr(kCoordinate)).release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

bool fits(EVP_PKEY* key, std::string_view algorithm, std::string_view text, std::string_view signature) {
  std::string der;
  if (algorithm == "ES256") {
    const auto converted = der_signature(signature);
    if (!converted) return false;
    der = *converted;
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : EVP_sha256();
  const bool good =
      context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
      EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

Result<std::shared_ptr<const JsonWebKeys>> JsonWebKeys::parse(std::string_view text) {
  const json set = json::parse(text, nullptr, false);
  const auto keys = set.is_object() ? set.find("keys") : set.end();
  if (!set.is_object() || keys == set.end() || !keys->is_array())
    return Error{ErrorCode::kInvalid, "it is no set of JSON Web Keys"};
  auto out = std::make_shared<JsonWebKeys>();
  for (const json& one : *keys) {
    if (!one.is_object() || out->keys_.size() == kMostKeys) continue;
    const std::string kind = member(one, "kty"), use = member(one, "use"), algorithm = member(one, "alg");
    if (!use.empty() && use != "sig") continue;
    Key key;
    key.id = member(one, "kid");
    if (kind == "RSA") {
      key.algorithm = "RS256";
      key.key = rsa_key(one);
    } else if (kind == "EC") {
      key.algorithm = "ES256";
      key.key = p256_key(one);
    } else if (kind == "OKP") {
      key.algorithm = "EdDSA";
      key.key = ed25519_key(one);
    }
    if (key.key != nullptr && (algorithm.empty() || algorithm == key.algorithm))
      out->keys_.push_back(std::move(key));
  }
  ERR_clear_error();
  if (out->keys_.empty()) return Error{ErrorCode::kInvalid, "it has no key for RS256, ES256 or EdDSA"};
  return std::shared_ptr<const JsonWebKeys>(std::move(out));
}

bool JsonWebKeys::has(std::string_view algorithm, std::string_view id) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) {
    return key.algorithm == algorithm && (id.empty() || key.id == id);
  });
}

bool JsonWebKeys::verify(std::string_view algorithm, std::string_view id, std::string_view text,
                         std::string_view signature) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) {
    return key.algorithm == algorithm && (id.empty() || key.id == id) &&
           fits(key.key.get(), algorithm, text, signature);
  });
}

}  // namespace essaim::smtpd
