#include "core/base/mac.h"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/check.h"
#include "core/base/encoding.h"

namespace essaim {

Sha256Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ESSAIM_CHECK(context_ != nullptr && method != nullptr);
  ESSAIM_CHECK(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), method, nullptr) == 1);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
  ESSAIM_CHECK(context_ != nullptr && EVP_MD_CTX_copy_ex(static_cast<EVP_MD_CTX*>(context_),
                                                         static_cast<EVP_MD_CTX*>(other.context_)) == 1);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_));
}

void Sha256::update(std::string_view bytes) {
  ESSAIM_CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest{};
  ESSAIM_CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest.data(), nullptr) == 1);
  return digest;
}

namespace {

// A context for one key. A thread keeps those of the keys that it used last: copies need two, in turn.
struct ThreadContext {
  EVP_MAC_CTX* context = nullptr;
  std::string key;
  ThreadContext() {
    static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    ESSAIM_CHECK(method != nullptr);
    context = EVP_MAC_CTX_new(method);
    ESSAIM_CHECK(context != nullptr);
  }
  ~ThreadContext() { EVP_MAC_CTX_free(context); }
  ThreadContext(const ThreadContext&) = delete;
  ThreadContext& operator=(const ThreadContext&) = delete;
};

}  // namespace

Sha256Digest MacKey::mac(std::string_view message) const {
  thread_local std::array<ThreadContext, 3> contexts;
  thread_local std::size_t next = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(key_.data());
  auto* known = std::find_if(contexts.begin(), contexts.end(),
                             [this](const ThreadContext& c) { return c.key == key_ && !key_.empty(); });
  const bool is_known = known != contexts.end();
  if (!is_known) known = &contexts[next++ % contexts.size()];
  ThreadContext& thread = *known;
  if (is_known) {
    ESSAIM_CHECK(EVP_MAC_init(thread.context, nullptr, 0, nullptr) == 1);
  } else {
    char digest_name[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest_name, 0),
                               OSSL_PARAM_construct_end()};
    ESSAIM_CHECK(EVP_MAC_init(thread.context, bytes, key_.size(), parameters) == 1);
    thread.key = key_;
  }
  Sha256Digest out{};
  std::size_t length = 0;
  ESSAIM_CHECK(EVP_MAC_update(thread.context, reinterpret_cast<const unsigned char*>(message.data()),
                              message.size()) == 1);
  ESSAIM_CHECK(EVP_MAC_final(thread.context, out.data(), &length, out.size()) == 1);
  return out;
}

std::string MacKey::short_mac(std::string_view message) const {
  Sha256Digest digest = mac(message);
  std::string text = base32_encoded(std::string_view(reinterpret_cast<const char*>(digest.data()), 7));
  text.resize(10);
  return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace essaim
