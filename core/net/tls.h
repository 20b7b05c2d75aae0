// TLS contexts on OpenSSL 3, TLS 1.2 and later. Contexts are immutable once made and shared by all loops;
// reloading a certificate makes a new one, and connections keep the one they began with.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace essaim::net {

class TlsServerContext {
 public:
  // PEM file with the certificate chain and its key. The error names the file and what OpenSSL says.
  static Result<std::shared_ptr<TlsServerContext>> load(const std::string& pem_file);
  ~TlsServerContext();
  ssl_ctx_st* raw() const { return context_; }

 private:
  TlsServerContext() = default;
  ssl_ctx_st* context_ = nullptr;
};

// Opportunistic: the peer's certificate is not verified, only reported. Keeps the last session per key (host,
// port and name) for resumption; thread-safe, bounded (oldest forgotten beyond `max_sessions`).
class TlsClientContext {
 public:
  static std::shared_ptr<TlsClientContext> opportunistic(std::size_t max_sessions = 10'000);
  ~TlsClientContext();
  ssl_ctx_st* raw() const;
  ssl_session_st* session_for(const std::string& key);             // a new reference or null
  void remember(const std::string& key, ssl_session_st* session);  // takes the reference
  void forget(const std::string& key);

 private:
  TlsClientContext();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  bool resumed = false;
};

}  // namespace essaim::net
