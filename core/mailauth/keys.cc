#include "core/mailauth/keys.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "core/base/check.h"

namespace essaim::mailauth {
namespace {

constexpr std::size_t kEd25519Octets = 32;

struct ContextDeleter {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, ContextDeleter>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

std::shared_ptr<void> own(EVP_PKEY* key) {
  return {key, [](void* p) { EVP_PKEY_free(static_cast<EVP_PKEY*>(p)); }};
}

EVP_PKEY* raw(const std::shared_ptr<void>& key) {
  return static_cast<EVP_PKEY*>(key.get());
}

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A context for PKCS #1 v1.5 over a SHA-256 hash, ready to sign or verify.
KeyContext rsa_context(const std::shared_ptr<void>& key, int (*init)(EVP_PKEY_CTX*)) {
  KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, raw(key), nullptr));
  ESSAIM_CHECK(context != nullptr && init(context.get()) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1);
  return context;
}

bool usable_size(int bits) {
  return bits >= kMinRsaBits && bits <= kMaxRsaBits;
}

// 0: it has none, which whoever wrote the key may have managed.
int exponent_bits(EVP_PKEY* key) {
  BIGNUM* exponent = nullptr;
  const bool found = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
  const int bits = found ? BN_num_bits(exponent) : 0;
  BN_free(exponent);
  ERR_clear_error();
  return bits;
}

}  // namespace

const char* to_string(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

const char* key_type(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa" : "ed25519";
}

Result<PublicKey> PublicKey::parse(Algorithm algorithm, std::string_view data) {
  if (algorithm == Algorithm::kEd25519Sha256) {
    if (data.size() != kEd25519Octets) return Error{ErrorCode::kInvalid, "an Ed25519 key has 32 octets"};
    EVP_PKEY* const key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(data), data.size());
    if (key == nullptr) return Error{ErrorCode::kInvalid, "no Ed25519 key"};
    return PublicKey(algorithm, own(key));
  }
  const unsigned char* at = octets(data);
  const auto size = static_cast<long>(data.size());
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, size);
  if (key == nullptr) {
    at = octets(data);
    key = d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size);
  }
  ERR_clear_error();
  if (key == nullptr) return Error{ErrorCode::kInvalid, "no RSA key"};
  PublicKey out(algorithm, own(key));
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) return Error{ErrorCode::kInvalid, "no RSA key"};
  if (const int bits = exponent_bits(key); bits < 1 || bits > kMaxRsaExponentBits)
    return Error{ErrorCode::kInvalid, "an RSA key with an exponent of " + std::to_string(bits) + " bits"};
  return out;
}

int PublicKey::bits() const {
  return EVP_PKEY_get_bits(raw(key_));
}

std::string PublicKey::data() const {
  if (algorithm_ == Algorithm::kEd25519Sha256) {
    std::string data(kEd25519Octets, '\0');
    std::size_t size = data.size();
    ESSAIM_CHECK(
        EVP_PKEY_get_raw_public_key(raw(key_), reinterpret_cast<unsigned char*>(data.data()), &size) == 1);
    return data;
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(raw(key_), &der);
  ESSAIM_CHECK(size > 0);
  std::string data(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return data;
}

bool PublicKey::verify(const Sha256Digest& digest, std::string_view signature) const {
  bool good = false;
  if (algorithm_ == Algorithm::kRsaSha256) {
    const KeyContext context = rsa_context(key_, EVP_PKEY_verify_init);
    good = EVP_PKEY_verify(context.get(), octets(signature), signature.size(), digest.data(),
                           digest.size()) == 1;
  } else {
    const DigestContext context(EVP_MD_CTX_new());
    ESSAIM_CHECK(
        EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, raw(key_), nullptr) == 1);
    good = EVP_DigestVerify(context.get(), octets(signature), signature.size(), digest.data(),
                            digest.size()) == 1;
  }
  ERR_clear_error();
  return good;
}

PrivateKey PrivateKey::generate(Algorithm algorithm) {
  EVP_PKEY* const key = algorithm == Algorithm::kRsaSha256
                            ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
                            : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  ESSAIM_CHECK(key != nullptr);
  return {algorithm, own(key)};
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  ESSAIM_CHECK(bio != nullptr);
  // Without the callback OpenSSL would ask for a password on the terminal.
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(
      bio, nullptr, [](char*, int, int, void*) { return -1; }, nullptr);
  BIO_free(bio);
  ERR_clear_error();
  if (key == nullptr) return Error{ErrorCode::kInvalid, "no private key in PEM, or one with a password"};
  std::shared_ptr<void> owned = own(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      if (!usable_size(EVP_PKEY_get_bits(key)))
        return Error{ErrorCode::kInvalid, "an RSA key of " + std::to_string(EVP_PKEY_get_bits(key)) +
                                              " bits; between " + std::to_string(kMinRsaBits) + " and " +
                                              std::to_string(kMaxRsaBits) + " are for use"};
      return PrivateKey(Algorithm::kRsaSha256, std::move(owned));
    case EVP_PKEY_ED25519:
      return PrivateKey(Algorithm::kEd25519Sha256, std::move(owned));
    default:
      return Error{ErrorCode::kInvalid, "the key is neither RSA nor Ed25519"};
  }
}

std::string PrivateKey::to_pem() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  ESSAIM_CHECK(bio != nullptr &&
               PEM_write_bio_PrivateKey(bio, raw(key_), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string PrivateKey::sign(const Sha256Digest& digest) const {
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(raw(key_))), '\0');
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  std::size_t size = signature.size();
  if (algorithm_ == Algorithm::kRsaSha256) {
    const KeyContext context = rsa_context(key_, EVP_PKEY_sign_init);
    ESSAIM_CHECK(EVP_PKEY_sign(context.get(), out, &size, digest.data(), digest.size()) == 1);
  } else {
    const DigestContext context(EVP_MD_CTX_new());
    ESSAIM_CHECK(
        EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, raw(key_), nullptr) == 1 &&
        EVP_DigestSign(context.get(), out, &size, digest.data(), digest.size()) == 1);
  }
  signature.resize(size);
  return signature;
}

}  // namespace essaim::mailauth
