// TLS contexts on OpenSSL 3, TLS 1.2 and later. Contexts are immutable once made (but for the client's memory of
// sessions, which has a lock) and shared by all loops; reloading a certificate makes a new one, and connections keep
// the one they began with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace essaim::net {

// ---- the server's side ----

// What a certificate file says of itself.
struct CertificateInfo {
  std::string file;
  std::vector<std::string> names;  // DNS names it is for, lower case; "*.example.org" among them
  std::string subject, issuer;     // as people read them
  std::string key_type;            // "EC", "RSA", "ED25519"
  WallTime not_before{}, not_after{};
  bool self_signed = false;
};

// Whether a name of a certificate ("*.example.org" is one label below) is this host's. Pure.
bool certificate_name_matches(std::string_view pattern, std::string_view host);

struct TlsServerOptions {
  // PEM files, each a certificate chain with its key. A client that names a host (SNI) gets the first whose names fit;
  // others get the first of all. Files for the same names with other kinds of keys stand beside each other.
  std::vector<std::string> files;
  std::string
      client_ca;  // PEM file: clients are asked for a certificate of these authorities; "": they are not
};

class TlsServerContext {
 public:
  // The error names the file and what OpenSSL says.
  static Result<std::shared_ptr<TlsServerContext>> load(const TlsServerOptions& options);
  ~TlsServerContext();
  ssl_ctx_st* raw() const;  // of those who name no host
  const std::vector<CertificateInfo>& certificates() const;

 private:
  TlsServerContext();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- the client's side ----

// RFC 6698 §2.1
struct TlsaRecord {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string association;
  friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

// Whether a record can be used by a mail client: DANE-TA(2) or DANE-EE(3) (RFC 7672 §3.1.3), with a selector, a
// matching type and data that mean something.
bool is_usable(const TlsaRecord& record);

// How the certificate of a server is judged. A value; shared.
struct TlsPeerCheck {
  enum class Kind {
    kNone,  // it is not
    kPkix,  // by the authorities of the context, and one of `names` (RFC 5280, RFC 6125)
    kDane,  // by `records` (RFC 7672 §3); names matter for DANE-TA(2) only
  };
  Kind kind = Kind::kNone;
  bool required = false;           // a bad judgment ends the handshake; else it is only told
  std::vector<std::string> names;  // the first one is the TLSA base domain
  std::vector<TlsaRecord> records;
  friend bool operator==(const TlsPeerCheck&, const TlsPeerCheck&) = default;
};
// Equal for equal checks: sessions may be resumed under the same one only.
std::string fingerprint(const TlsPeerCheck& check);

enum class TlsVerdict {
  kUnchecked,
  kGood,
  kNoTls,
  kNotTrusted,
  kExpired,
  kNameMismatch,
  kTlsaMismatch,
  kOther
};

// The server's certificate is judged as each connection asks. Keeps sessions per key (host, port, name and check) for
// resumption, several of each as TLS 1.3 uses each once (RFC 8446 §C.4); thread-safe, bounded (oldest forgotten beyond
// `max_sessions`).
class TlsClientContext {
 public:
  static constexpr std::size_t kSessionsPerKey = 8;

  // Without authorities: every kPkix check ends badly.
  static std::shared_ptr<TlsClientContext> opportunistic(std::size_t max_sessions = 10'000);
  // The error names the file.
  static Result<std::shared_ptr<TlsClientContext>> with_authorities(const std::string& ca_file,
                                                                    std::size_t max_sessions = 10'000);
  ~TlsClientContext();
  ssl_ctx_st* raw() const;
  ssl_ctx_st* verifying() const;                                   // with the authorities
  ssl_session_st* session_for(const std::string& key);             // a reference or null
  void remember(const std::string& key, ssl_session_st* session);  // takes the reference
  void forget(const std::string& key);

 private:
  TlsClientContext();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- what a handshake brought ----

// The certificate of a client that was asked for one.
struct TlsClientCertificate {
  bool present = false;
  bool trusted = false;             // by the authorities of the listener, and in its time
  std::string problem;              // why it is not
  std::string subject;              // as people read it
  std::vector<std::string> emails;  // rfc822Name (RFC 5280 §4.2.1.6), as they stand there
  std::string sha256;               // of the certificate, hexadecimal
};

struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  bool resumed = false;
  // As client:
  TlsVerdict verdict = TlsVerdict::kUnchecked;
  std::string problem;   // what is wrong with the certificate
  std::string verified;  // what it was found good by: "PKIX", "DANE-EE", "DANE-TA"
  // As server:
  TlsClientCertificate client;
  // Channel bindings; "" for what there is not: tls-exporter (RFC 9266) with TLS 1.3, tls-unique (RFC 5929 §3) before,
  // tls-server-end-point (§4) where the handshake showed a certificate whose signature has one hash.
  std::string exporter, unique, end_point;
};

}  // namespace essaim::net
