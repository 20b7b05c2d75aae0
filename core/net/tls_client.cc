// The client's contexts, its memory of sessions, and the value that says how certificates are judged.
#include <list>
#include <mutex>
#include <unordered_map>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/net/tls.h"
#include "core/net/tls_common.h"
#include "core/net/tls_stream.h"

namespace essaim::net {

struct TlsClientContext::Impl {
  struct Entry {
    std::string key;
    SSL_SESSION* session;
  };
  using Place = std::list<Entry>::iterator;

  SSL_CTX* plain = nullptr;
  SSL_CTX* verifying = nullptr;
  std::size_t max_sessions = 0;
  std::mutex mutex;
  std::list<Entry> entries;                                    // oldest first
  std::unordered_map<std::string, std::vector<Place>> by_key;  // likewise

  // The reference of the session is the caller's now.
  SSL_SESSION* take(const std::string& key, std::size_t index) {
    const auto found = by_key.find(key);
    const Place place = found->second[index];
    SSL_SESSION* session = place->session;
    found->second.erase(found->second.begin() + static_cast<std::ptrdiff_t>(index));
    if (found->second.empty()) by_key.erase(found);
    entries.erase(place);
    return session;
  }
  void drop(const std::string& key, std::size_t index) { SSL_SESSION_free(take(key, index)); }
};

namespace {

SSL_CTX* make_client_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  ESSAIM_CHECK(context != nullptr);
  set_common_tls_options(context);
  // Certificates are judged after the handshake, by the check of each connection (tls_stream.cc).
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  // Any encryption is better than the clear text that follows a failed handshake (RFC 7435 §3); a connection whose
  // check is required raises it.
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsStream::on_new_session);
  ESSAIM_CHECK(SSL_CTX_dane_enable(context) == 1);
  SSL_CTX_dane_set_flags(context, DANE_FLAG_NO_DANE_EE_NAMECHECKS);  // RFC 7672 §3.1.1
  return context;
}

}  // namespace

TlsClientContext::TlsClientContext() : impl_(std::make_unique<Impl>()) {
  impl_->plain = make_client_context();
  impl_->verifying = make_client_context();
}

TlsClientContext::~TlsClientContext() {
  for (Impl::Entry& entry : impl_->entries) SSL_SESSION_free(entry.session);
  SSL_CTX_free(impl_->plain);
  SSL_CTX_free(impl_->verifying);
}

std::shared_ptr<TlsClientContext> TlsClientContext::opportunistic(std::size_t max_sessions) {
  std::shared_ptr<TlsClientContext> result(new TlsClientContext);
  result->impl_->max_sessions = max_sessions;
  return result;
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::with_authorities(const std::string& ca_file,
                                                                             std::size_t max_sessions) {
  auto result = opportunistic(max_sessions);
  ERR_clear_error();
  // Read now and not when a connection needs it: that would block its loop.
  if (SSL_CTX_load_verify_file(result->verifying(), ca_file.c_str()) != 1)
    return Error{ErrorCode::kInvalid,
                 ca_file + ": cannot use the certificates of authorities: " + take_openssl_errors()};
  return result;
}

SSL_CTX* TlsClientContext::raw() const {
  return impl_->plain;
}

SSL_CTX* TlsClientContext::verifying() const {
  return impl_->verifying;
}

SSL_SESSION* TlsClientContext::session_for(const std::string& key) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->by_key.find(key);
  if (found == impl_->by_key.end()) return nullptr;
  const std::size_t newest = found->second.size() - 1;
  SSL_SESSION* session = found->second[newest]->session;
  if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) return impl_->take(key, newest);
  SSL_SESSION_up_ref(session);
  return session;
}

void TlsClientContext::remember(const std::string& key, SSL_SESSION* session) {
  const std::lock_guard lock(impl_->mutex);
  const bool once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
  const std::size_t most = once ? kSessionsPerKey : 1;
  while (impl_->by_key.contains(key) && impl_->by_key[key].size() >= most) impl_->drop(key, 0);
  impl_->entries.push_back({key, session});
  impl_->by_key[key].push_back(std::prev(impl_->entries.end()));
  // The oldest of all is the oldest of its key as well.
  while (impl_->entries.size() > impl_->max_sessions) impl_->drop(std::string(impl_->entries.front().key), 0);
}

void TlsClientContext::forget(const std::string& key) {
  const std::lock_guard lock(impl_->mutex);
  while (impl_->by_key.contains(key)) impl_->drop(key, 0);
}

bool is_usable(const TlsaRecord& record) {
  if (record.usage != 2 && record.usage != 3) return false;
  static const std::shared_ptr<TlsClientContext> context = TlsClientContext::opportunistic(0);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context->raw()), SSL_free);
  ESSAIM_CHECK(ssl != nullptr && SSL_dane_enable(ssl.get(), "a.example") == 1);
  const bool usable = SSL_dane_tlsa_add(ssl.get(), record.usage, record.selector, record.matching,
                                        reinterpret_cast<const unsigned char*>(record.association.data()),
                                        record.association.size()) > 0;
  ERR_clear_error();
  return usable;
}

std::string fingerprint(const TlsPeerCheck& check) {
  if (check.kind == TlsPeerCheck::Kind::kNone) return check.required ? "encrypt" : "";
  std::string bytes;
  put_u8(&bytes, static_cast<std::uint8_t>(check.kind));
  put_u8(&bytes, check.required ? 1 : 0);
  for (const std::string& name : check.names) put_string(&bytes, name);
  put_u8(&bytes, 0);
  for (const TlsaRecord& record : check.records) {
    put_u8(&bytes, record.usage);
    put_u8(&bytes, record.selector);
    put_u8(&bytes, record.matching);
    put_string(&bytes, record.association);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  ESSAIM_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr) == 1);
  return hex_encoded({reinterpret_cast<const char*>(digest), 16});
}

}  // namespace essaim::net
