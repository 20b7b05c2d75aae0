#include "core/net/tls.h"

#include <list>
#include <mutex>
#include <unordered_map>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/base/check.h"
#include "core/net/tls_stream.h"

namespace essaim::net {
namespace {

void set_common(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections hold no buffers; the queue of the connection may move between two tries of a write.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one system call a record instead of two
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::load(const std::string& pem_file) {
  ERR_clear_error();
  const auto refuse = [&](const char* what) {
    return Error{ErrorCode::kInvalid, pem_file + ": " + what + ": " + take_openssl_errors()};
  };
  std::shared_ptr<TlsServerContext> result(new TlsServerContext);
  result->context_ = SSL_CTX_new(TLS_server_method());
  if (result->context_ == nullptr) return refuse("cannot make a TLS context");
  SSL_CTX* context = result->context_;
  set_common(context);
  // Resumption by tickets only: nothing is kept per client. One ticket, as SMTP clients come back one by one.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  static constexpr unsigned char kIdContext[] = "essaim";
  SSL_CTX_set_session_id_context(context, kIdContext, sizeof kIdContext - 1);
  if (SSL_CTX_use_certificate_chain_file(context, pem_file.c_str()) != 1)
    return refuse("cannot use the certificate");
  if (SSL_CTX_use_PrivateKey_file(context, pem_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return refuse("cannot use the private key");
  }
  if (SSL_CTX_check_private_key(context) != 1) return refuse("the key does not belong to the certificate");
  return result;
}

TlsServerContext::~TlsServerContext() {
  SSL_CTX_free(context_);
}

struct TlsClientContext::Impl {
  struct Entry {
    std::string key;
    SSL_SESSION* session;
  };
  SSL_CTX* context = nullptr;
  std::size_t max_sessions = 0;
  std::mutex mutex;
  std::list<Entry> entries;  // oldest first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key;

  void erase(std::list<Entry>::iterator entry) {
    SSL_SESSION_free(entry->session);
    by_key.erase(entry->key);
    entries.erase(entry);
  }
};

TlsClientContext::TlsClientContext() : impl_(std::make_unique<Impl>()) {}

std::shared_ptr<TlsClientContext> TlsClientContext::opportunistic(std::size_t max_sessions) {
  std::shared_ptr<TlsClientContext> result(new TlsClientContext);
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  ESSAIM_CHECK(context != nullptr);
  result->impl_->context = context;
  result->impl_->max_sessions = max_sessions;
  set_common(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  // Any encryption is better than the clear text that follows a failed handshake (RFC 7435 §3).
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &TlsStream::on_new_session);
  return result;
}

TlsClientContext::~TlsClientContext() {
  for (Impl::Entry& entry : impl_->entries) SSL_SESSION_free(entry.session);
  SSL_CTX_free(impl_->context);
}

ssl_ctx_st* TlsClientContext::raw() const {
  return impl_->context;
}

ssl_session_st* TlsClientContext::session_for(const std::string& key) {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->by_key.find(key);
  if (it == impl_->by_key.end()) return nullptr;
  SSL_SESSION* session = it->second->session;
  SSL_SESSION_up_ref(session);
  return session;
}

void TlsClientContext::remember(const std::string& key, ssl_session_st* session) {
  const std::lock_guard lock(impl_->mutex);
  if (const auto it = impl_->by_key.find(key); it != impl_->by_key.end()) impl_->erase(it->second);
  impl_->entries.push_back({key, session});
  impl_->by_key[key] = std::prev(impl_->entries.end());
  while (impl_->entries.size() > impl_->max_sessions) impl_->erase(impl_->entries.begin());
}

void TlsClientContext::forget(const std::string& key) {
  const std::lock_guard lock(impl_->mutex);
  if (const auto it = impl_->by_key.find(key); it != impl_->by_key.end()) impl_->erase(it->second);
}

}  // namespace essaim::net
