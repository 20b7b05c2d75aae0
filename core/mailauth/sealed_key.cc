#include "core/mailauth/sealed_key.h"

#include <cstring>
#include <memory>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "core/base/check.h"
#include "core/base/mac.h"
#include "core/base/read_file.h"
#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

constexpr std::string_view kVersion = "E1";
constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}

Cipher begin(std::string_view key, std::string_view nonce, std::string_view purpose, bool encrypt) {
  Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int length = 0;
  ESSAIM_CHECK(
      cipher != nullptr &&
      EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, octets(key), octets(nonce), encrypt) == 1 &&
      EVP_CipherUpdate(cipher.get(), nullptr, &length, octets(purpose), static_cast<int>(purpose.size())) ==
          1);
  return cipher;
}

}  // namespace

Result<KeySeal> KeySeal::from_secret(std::string_view secret) {
  if (secret.size() < kMinSecret)
    return Error{ErrorCode::kInvalid, "the secret has " + std::to_string(secret.size()) +
                                          " octets; at least " + std::to_string(kMinSecret) + " are needed"};
  return KeySeal(std::string(essaim::octets(MacKey(std::string(secret)).mac("essaim dkim keys"))));
}

Result<KeySeal> KeySeal::from_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text.ok()) return Error{text.error().code, "cannot read " + text.error().message};
  auto seal = from_secret(trimmed(*text));
  if (!seal.ok()) return Error{seal.error().code, path + ": " + seal.error().message};
  return seal;
}

std::string KeySeal::sealed(std::string_view text, std::string_view purpose) const {
  std::string out(kVersion);
  out.resize(kVersion.size() + kNonce + text.size() + kTag);
  ESSAIM_CHECK(RAND_bytes(octets(out, kVersion.size()), kNonce) == 1);
  const std::string nonce = out.substr(kVersion.size(), kNonce);
  const Cipher cipher = begin(key_, nonce, purpose, true);
  const std::size_t body = kVersion.size() + kNonce;
  int length = 0;
  ESSAIM_CHECK(
      EVP_CipherUpdate(cipher.get(), octets(out, body), &length, octets(text),
                       static_cast<int>(text.size())) == 1 &&
      EVP_CipherFinal_ex(cipher.get(), octets(out, body + text.size()), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, octets(out, body + text.size())) == 1);
  return out;
}

Result<std::string> KeySeal::opened(std::string_view sealed, std::string_view purpose) const {
  const Error damaged{ErrorCode::kDamaged,
                      "the key cannot be opened: it was sealed with another secret, or is damaged"};
  if (!sealed.starts_with(kVersion) || sealed.size() < kVersion.size() + kNonce + kTag) return damaged;
  const std::string_view nonce = sealed.substr(kVersion.size(), kNonce);
  const std::string_view body =
      sealed.substr(kVersion.size() + kNonce, sealed.size() - kVersion.size() - kNonce - kTag);
  std::string tag(sealed.substr(sealed.size() - kTag));
  std::string out(body.size(), '\0');
  const Cipher cipher = begin(key_, nonce, purpose, false);
  int length = 0;
  if (EVP_CipherUpdate(cipher.get(), octets(out), &length, octets(body), static_cast<int>(body.size())) !=
          1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), octets(out, out.size()), &length) != 1)
    return damaged;
  return out;
}

}  // namespace essaim::mailauth
