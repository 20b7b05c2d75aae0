#include "core/net/tls_stream.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/net/socket_address.h"

namespace essaim::net {
namespace {

// A BIO of our own, because the socket BIO of OpenSSL write()s: a peer that has gone would raise SIGPIPE.
int fd_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_retry(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && is_retry(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(fd_of(bio), bytes, static_cast<std::size_t>(size), 0);
  if (n < 0 && is_retry(errno)) BIO_set_retry_read(bio);
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

std::string take_openssl_errors() {
  std::string text;
  unsigned long code = 0;
  while ((code = ERR_get_error()) != 0) {
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
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_ex_data(ssl_, self_index(), this);
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
                                             const std::string& server_name, const std::string& session_key) {
  std::unique_ptr<TlsStream> stream(new TlsStream);
  stream->ssl_ = SSL_new(context->raw());
  stream->client_ = std::move(context);
  stream->session_key_ = session_key;
  stream->attach(fd);
  SSL_set_connect_state(stream->ssl_);
  // RFC 6066 §3: no literal addresses in SNI.
  if (!server_name.empty() && !SocketAddress::from_ip(server_name, 0).ok()) {
    // As the macro SSL_set_tlsext_host_name(), which holds a cast from C.
    std::string name = server_name;
    SSL_ctrl(stream->ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  if (!session_key.empty()) {
    if (SSL_SESSION* session = stream->client_->session_for(session_key); session != nullptr) {
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
      break;
    default:
      problem_ = take_openssl_errors();
  }
  ERR_clear_error();
  failed_ = true;
  return Io::kFailed;
}

TlsStream::Io TlsStream::handshake() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    established_ = true;
    return Io::kDone;
  }
  const Io io = outcome(result);
  // A session that the peer chokes on must not spoil the next attempt as well.
  if (io == Io::kFailed && client_ != nullptr && !session_key_.empty()) client_->forget(session_key_);
  return io == Io::kClosed ? Io::kFailed : io;
}

TlsStream::Io TlsStream::read(char* buffer, std::size_t size, std::size_t* got) {
  ERR_clear_error();
  errno = 0;
  *got = 0;
  return outcome(SSL_read_ex(ssl_, buffer, size, got) == 1 ? 1 : 0);
}

TlsStream::Io TlsStream::write(const char* bytes, std::size_t size, std::size_t* written) {
  ERR_clear_error();
  errno = 0;
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

TlsInfo TlsStream::info() const {
  return {SSL_get_version(ssl_), SSL_get_cipher_name(ssl_), SSL_session_reused(ssl_) == 1};
}

}  // namespace essaim::net
