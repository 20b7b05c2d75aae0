#include "core/net/tls_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/net/socket_address.h"
#include "core/net/tls_common.h"

namespace essaim::net {
namespace {

constexpr std::size_t kMostPerCall = 32 * 1024;  // more than a record has
constexpr int kMostIdleMessages = 100;

// A BIO of our own, because the socket BIO of OpenSSL write()s: a peer that has gone would raise SIGPIPE.
TlsWire& wire_of(BIO* bio) {
  return *static_cast<TlsWire*>(BIO_get_data(bio));
}

bool is_retry(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(wire_of(bio).fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && is_retry(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  TlsWire& wire = wire_of(bio);
  if (wire.taken >= kMostPerCall) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t n = ::recv(wire.fd, bytes, static_cast<std::size_t>(size), 0);
  if (n < 0 && is_retry(errno)) BIO_set_retry_read(bio);
  if (n > 0) wire.taken += static_cast<std::size_t>(n);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long bio_ctrl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "essaim descriptor");
    ESSAIM_CHECK(m != nullptr);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
  }();
  return made;
}

int self_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

namespace {

// Behind an error of the system OpenSSL adds that there was one, at each of its layers.
bool says_it_again(unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  return reason == ERR_R_SYS_LIB || reason == ERR_R_BIO_LIB ||
         (ERR_GET_LIB(code) == ERR_LIB_BIO && reason == BIO_R_NO_SUCH_FILE);
}

}  // namespace

std::string take_openssl_errors() {
  std::string text;
  bool of_system = false;
  unsigned long code = 0;
  while ((code = ERR_get_error()) != 0) {
    if (of_system && says_it_again(code)) continue;
    of_system = of_system || ERR_SYSTEM_ERROR(code);
    const char* reason = ERR_reason_error_string(code);
    if (!text.empty()) text += ", ";
    // System errors have no reason string.
    text += reason != nullptr ? reason : std::strerror(static_cast<int>(ERR_GET_REASON(code)));
    if (text.size() > 400) {
      ERR_clear_error();
      break;
    }
  }
  return text.empty() ? "unknown error" : text;
}

void TlsStream::attach(int fd) {
  BIO* bio = BIO_new(method());
  ESSAIM_CHECK(ssl_ != nullptr && bio != nullptr);
  wire_.fd = fd;
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_ex_data(ssl_, self_index(), this);
  SSL_set_msg_callback(ssl_, &TlsStream::on_message);
  SSL_set_msg_callback_arg(ssl_, this);
}

std::unique_ptr<TlsStream> TlsStream::server(int fd, std::shared_ptr<TlsServerContext> context) {
  std::unique_ptr<TlsStream> stream(new TlsStream);
  stream->ssl_ = SSL_new(context->raw());
  stream->server_ = std::move(context);
  stream->attach(fd);
  SSL_set_accept_state(stream->ssl_);
  return stream;
}

std::unique_ptr<TlsStream> TlsStream::client(int fd, std::shared_ptr<TlsClientContext> context,
                                             const std::string& server_name, const std::string& session_key,
                                             std::shared_ptr<const TlsPeerCheck> check) {
  std::unique_ptr<TlsStream> stream(new TlsStream);
  const bool by_authorities = check != nullptr && check->kind == TlsPeerCheck::Kind::kPkix;
  stream->ssl_ = SSL_new(by_authorities ? context->verifying() : context->raw());
  stream->client_ = std::move(context);
  stream->session_key_ = session_key;
  stream->attach(fd);
  SSL_set_connect_state(stream->ssl_);
  // RFC 6066 §3: no literal addresses in SNI, nor what names them ("[192.0.2.1]").
  if (!server_name.empty() && server_name[0] != '[' && !SocketAddress::from_ip(server_name, 0).ok()) {
    // As the macro SSL_set_tlsext_host_name(), which holds a cast from C.
    std::string name = server_name;
    SSL_ctrl(stream->ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  if (check != nullptr) {
    stream->prepare(*check);
    // A session is good for the judgment under which it began.
    if (!session_key.empty()) stream->session_key_ += "|" + fingerprint(*check);
    stream->check_ = std::move(check);
  }
  if (!session_key.empty()) {
    if (SSL_SESSION* session = stream->client_->session_for(stream->session_key_); session != nullptr) {
      SSL_set_session(stream->ssl_, session);
      SSL_SESSION_free(session);
    }
  }
  ERR_clear_error();  // a name or session that OpenSSL does not take is done without
  return stream;
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

int TlsStream::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto* self = static_cast<TlsStream*>(SSL_get_ex_data(ssl, self_index()));
  if (self == nullptr || self->session_key_.empty()) return 0;
  self->client_->remember(self->session_key_, session);
  return 1;
}

void TlsStream::on_message(int written, int, int type, const void*, std::size_t, ssl_st*, void* self) {
  auto* stream = static_cast<TlsStream*>(self);
  if (written == 0 && type == SSL3_RT_HANDSHAKE && stream->established_) ++stream->idle_messages_;
}

void TlsStream::begin_call() {
  ERR_clear_error();
  errno = 0;
  wire_.taken = 0;
}

TlsStream::Io TlsStream::outcome(int result) {
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return Io::kDone;
    case SSL_ERROR_WANT_READ:
      return Io::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kClosed;
    case SSL_ERROR_SYSCALL:
      problem_ = saved_errno != 0 ? std::strerror(saved_errno) : "the peer closed the connection";
      lost_ = true;
      break;
    default:
      lost_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      problem_ = take_openssl_errors();
  }
  ERR_clear_error();
  failed_ = true;
  return Io::kFailed;
}

TlsStream::Io TlsStream::handshake() {
  begin_call();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    established_ = true;
    info_.version = SSL_get_version(ssl_);
    info_.cipher = SSL_get_cipher_name(ssl_);
    info_.resumed = SSL_session_reused(ssl_) == 1;
    if (server_ != nullptr) look_at_client();
    if (check_ == nullptr || judge()) return Io::kDone;
    send_close_notify();
    failed_ = true;
    if (!session_key_.empty()) client_->forget(session_key_);
    return Io::kFailed;
  }
  const Io io = outcome(result);
  // A session that the peer chokes on must not spoil the next attempt as well.
  if (io == Io::kFailed && client_ != nullptr && !session_key_.empty()) client_->forget(session_key_);
  return io == Io::kClosed ? Io::kFailed : io;
}

TlsStream::Io TlsStream::read(char* buffer, std::size_t size, std::size_t* got) {
  begin_call();
  *got = 0;
  const Io io = outcome(SSL_read_ex(ssl_, buffer, size, got) == 1 ? 1 : 0);
  if (idle_messages_ > kMostIdleMessages && io != Io::kFailed) {
    problem_ = "too many handshake messages without data";
    failed_ = true;
    return Io::kFailed;
  }
  if (io == Io::kDone) idle_messages_ = 0;
  return io;
}

TlsStream::Io TlsStream::write(const char* bytes, std::size_t size, std::size_t* written) {
  begin_call();
  *written = 0;
  return outcome(SSL_write_ex(ssl_, bytes, size, written) == 1 ? 1 : 0);
}

bool TlsStream::has_pending() const {
  return SSL_has_pending(ssl_) == 1;
}

void TlsStream::send_close_notify() {
  if (!established_ || failed_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

void TlsStream::prepare(const TlsPeerCheck& check) {
  if (check.kind == TlsPeerCheck::Kind::kNone) return;
  if (check.required) SSL_set_security_level(ssl_, 1);
  if (check.kind == TlsPeerCheck::Kind::kDane) {
    // The first name is the base domain; it becomes the name in SNI, as RFC 7672 §8.1 wants.
    ESSAIM_CHECK(!check.names.empty());
    SSL_dane_enable(ssl_, check.names.front().c_str());
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    for (std::size_t i = 1; i < check.names.size(); ++i) SSL_add1_host(ssl_, check.names[i].c_str());
    for (const TlsaRecord& record : check.records)
      SSL_dane_tlsa_add(ssl_, record.usage, record.selector, record.matching,
                        reinterpret_cast<const unsigned char*>(record.association.data()),
                        record.association.size());
    return;
  }
  // RFC 8461 §4.1: a DNS-ID, not the common name.
  SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  for (const std::string& name : check.names) SSL_add1_host(ssl_, name.c_str());
}

namespace {

TlsVerdict verdict_of(long result) {
  switch (result) {
    case X509_V_OK:
      return TlsVerdict::kGood;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return TlsVerdict::kNameMismatch;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsVerdict::kExpired;
    case X509_V_ERR_DANE_NO_MATCH:
      return TlsVerdict::kTlsaMismatch;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return TlsVerdict::kNotTrusted;
    default:
      return TlsVerdict::kOther;
  }
}

}  // namespace

bool TlsStream::judge() {
  if (check_->kind == TlsPeerCheck::Kind::kNone) return true;
  const bool dane = check_->kind == TlsPeerCheck::Kind::kDane;
  const long result = SSL_get_verify_result(ssl_);
  info_.verdict = verdict_of(result);
  if (info_.verdict == TlsVerdict::kGood) {
    info_.verified = "PKIX";
    if (dane) {
      std::uint8_t usage = 0;
      const bool known =
          !info_.resumed && SSL_get0_dane_tlsa(ssl_, &usage, nullptr, nullptr, nullptr, nullptr) >= 0;
      info_.verified = !known ? "DANE" : usage == 3 ? "DANE-EE" : "DANE-TA";
    }
    return true;
  }
  info_.problem = std::string("the certificate is not good: ") + X509_verify_cert_error_string(result);
  if (info_.verdict == TlsVerdict::kNameMismatch) info_.problem += " (" + joined(check_->names) + ")";
  if (!check_->required) return true;
  problem_ = info_.problem;
  return false;
}

namespace {

// RFC 5929 §4.1: the hash of the certificate by the hash of its own signature, SHA-256 for MD5 and SHA-1; "" where that
// signature has none (EdDSA).
std::string end_point_of(X509* certificate) {
  int hash = NID_undef;
  if (certificate == nullptr || X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) != 1)
    return {};
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* digest = EVP_get_digestbynid(hash);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (digest == nullptr || X509_digest(certificate, digest, out, &length) != 1) return {};
  return {reinterpret_cast<const char*>(out), length};
}

}  // namespace

void TlsStream::look_at_client() {
  unsigned char binding[64];
  // A resumed session shows none, and which one the client saw when it began cannot be told.
  if (!info_.resumed) info_.end_point = end_point_of(SSL_get_certificate(ssl_));
  if (SSL_version(ssl_) >= TLS1_3_VERSION) {
    static constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";  // RFC 9266 §2
    if (SSL_export_keying_material(ssl_, binding, 32, kLabel.data(), kLabel.size(), nullptr, 0, 0) == 1)
      info_.exporter.assign(reinterpret_cast<const char*>(binding), 32);
  } else {
    // RFC 5929 §3: the first Finished of the handshake; ours when the session was resumed.
    const std::size_t length = info_.resumed ? SSL_get_finished(ssl_, binding, sizeof binding)
                                             : SSL_get_peer_finished(ssl_, binding, sizeof binding);
    info_.unique.assign(reinterpret_cast<const char*>(binding), std::min(length, sizeof binding));
  }
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return;
  TlsClientCertificate& client = info_.client;
  client.present = true;
  const long result = SSL_get_verify_result(ssl_);
  client.trusted = result == X509_V_OK;
  if (!client.trusted) client.problem = X509_verify_cert_error_string(result);
  client.subject = subject_of(certificate, false);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &length) == 1)
    client.sha256 = hex_encoded({reinterpret_cast<const char*>(digest), length});
  auto* names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names, i);
    if (one->type != GEN_EMAIL) continue;
    const ASN1_IA5STRING* text = one->d.rfc822Name;
    const std::string email(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                            static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (email.find('\0') == std::string::npos) client.emails.push_back(email);
  }
  GENERAL_NAMES_free(names);
}

}  // namespace essaim::net
