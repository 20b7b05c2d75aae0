#include "core/net/stream_connection.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/net/linger.h"

namespace essaim::net {
namespace {

constexpr std::size_t kVectors = 64;
constexpr std::size_t kTlsRecord = 16 * 1024;  // RFC 8446 §5.1
// What a turn sends at most for one connection, so that a fast reader of a large body does not hold the
// others up.
constexpr std::size_t kSendPerTurn = 1024 * 1024;
// Input that came in clear before a handshake and is thrown away; more of it is an attack.
constexpr std::size_t kDiscardLimit = 1024 * 1024;

}  // namespace

StreamConnection::StreamConnection(EventLoop& loop, int fd, const SocketAddress& peer, Listener* listener)
    : loop_(loop), fd_(fd), peer_(peer), listener_(listener) {
  if (fd_ < 0) return;
  event_assign(
      &read_event_, loop_.base(), fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<StreamConnection*>(self)->on_readable(); }, this);
  event_assign(
      &write_event_, loop_.base(), fd_, EV_WRITE | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<StreamConnection*>(self)->on_writable(); }, this);
  // Replies are small and gathered already; to wait for more would cost 40 ms each (fails on UNIX sockets,
  // harmless).
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

StreamConnection::~StreamConnection() {
  want_read(false);
  want_write(false);
  if (tls_ != nullptr && fd_ >= 0) tls_->send_close_notify();
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
}

void StreamConnection::on_doomed() {
  listener_ = nullptr;
  phase_ = Phase::kClosed;
  want_read(false);
  want_write(false);
}

std::string StreamConnection::peer_name() const {
  return peer_.valid() ? peer_.to_string() : "local peer";
}

SocketAddress StreamConnection::local() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (fd_ < 0 || ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&storage), length};
}

void StreamConnection::want_read(bool wanted) {
  if (wanted == reading_ || fd_ < 0) return;
  reading_ = wanted;
  wanted ? event_add(&read_event_, nullptr) : event_del(&read_event_);
}

void StreamConnection::want_write(bool wanted) {
  if (wanted == writing_ || fd_ < 0) return;
  writing_ = wanted;
  wanted ? event_add(&write_event_, nullptr) : event_del(&write_event_);
}

void StreamConnection::begin_adopted() {
  phase_ = Phase::kOpen;
  want_read(true);
}

void StreamConnection::begin_connect(const SocketAddress& source) {
  if (fd_ < 0) return fail("connect to " + peer_name() + ": " + std::strerror(errno));
  if (source.valid()) {
#ifdef IP_BIND_ADDRESS_NO_PORT
    // The port is chosen by connect(), so one source address serves more than 28,000 connections.
    const int on = 1;
    if (source.port() == 0) ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
    if (::bind(fd_, source.raw(), source.raw_length()) != 0) {
      fail("connect to " + peer_name() + " from " + source.ip() + ": " + std::strerror(errno));
      if (closed_) closed_->reason.code = ErrorCode::kIo;
      return;
    }
  }
  if (::connect(fd_, peer_.raw(), peer_.raw_length()) != 0 && errno != EINPROGRESS && errno != EINTR) {
    return fail("connect to " + peer_name() + ": " + std::strerror(errno));
  }
  want_write(true);  // comes at once if the connection stands already
}

void StreamConnection::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return fail("connect to " + peer_name() + ": " + std::strerror(error));
  phase_ = Phase::kOpen;
  want_write(false);
  want_read(true);
  if (!output_.empty() || closing_) later();
  if (listener_ != nullptr) listener_->on_connected();
}

// What is written after start_tls_*() must not leave in clear with what was queued before.
OutputQueue& StreamConnection::queue() {
  return phase_ == Phase::kTlsPending || phase_ == Phase::kHandshake ? output_under_tls_ : output_;
}

void StreamConnection::write(std::string_view bytes) {
  if (phase_ == Phase::kClosed || closing_) return;
  queue().append(bytes);
  later();
}

void StreamConnection::write_shared(SharedBytes bytes, std::size_t offset, std::size_t length) {
  if (phase_ == Phase::kClosed || closing_) return;
  queue().append_shared(std::move(bytes), offset, length);
  later();
}

void StreamConnection::flush() {
  send();
}

void StreamConnection::resume_reading() {
  if (!paused_) return;
  paused_ = false;
  if (phase_ == Phase::kConnecting || phase_ == Phase::kClosed || input_ended_) return;
  want_read(true);
  if (read_again_) later();
}

void StreamConnection::close_after_flush() {
  if (phase_ == Phase::kClosed) return;
  closing_ = true;
  later();
}

void StreamConnection::fail(std::string message, bool during_tls) {
  if (closed_.has_value() || phase_ == Phase::kClosed) return;
  closed_ = Closed{{ErrorCode::kTemporary, std::move(message)}, during_tls};
  phase_ = Phase::kClosed;
  want_read(false);
  want_write(false);
  output_.clear();
  output_under_tls_.clear();
  later();
}

// Last of all; the listener may destroy or doom the connection within.
void StreamConnection::report() {
  const Closed closed = *std::exchange(closed_, std::nullopt);
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->on_closed(closed.reason, closed.during_tls);
}

void StreamConnection::on_turn_end() {
  if (closed_.has_value()) return report();
  if (phase_ == Phase::kTls && read_again_ && !paused_) read_tls();
  // The listener may have doomed this object, which lives until the end of the turn.
  if (phase_ == Phase::kHandshake) return handshake();
  in_turn_end_ = true;
  send();
  in_turn_end_ = false;
  if (phase_ == Phase::kTlsPending && output_.empty()) {
    phase_ = Phase::kHandshake;
    drained_due_ = false;
    want_write(false);
    want_read(true);
    return handshake();
  }
  if (std::exchange(drained_due_, false) && output_.empty() && listener_ != nullptr &&
      phase_ != Phase::kClosed && !closing_) {
    listener_->on_drained();
  }
  const bool can_close = phase_ == Phase::kOpen || phase_ == Phase::kTls;
  if (closing_ && output_.empty() && can_close) {
    const char* how = input_ended_ ? "the peer closed the connection" : "closed";
    closed_ = Closed{{ErrorCode::kCancelled, how}, false};
    want_read(false);
    want_write(false);
    phase_ = Phase::kClosed;
    if (tls_ != nullptr) tls_->send_close_notify();
    tls_.reset();
    const int fd = std::exchange(fd_, -1);
    input_ended_ ? static_cast<void>(::close(fd)) : linger_and_close(loop_, fd);
  }
  if (closed_.has_value()) report();
}

void StreamConnection::on_readable() {
  if (phase_ == Phase::kHandshake) return handshake();
  if (paused_ || input_ended_) {
    // Put off until now, as a pause is often over before anything comes.
    want_read(false);
    return;
  }
  if (phase_ == Phase::kOpen) {
    read_clear();
  } else if (phase_ == Phase::kTls) {
    read_tls();
    if (write_wants_read_ && phase_ == Phase::kTls) later();
  } else if (phase_ == Phase::kTlsPending) {
    want_read(false);  // the handshake's bytes; the end of our output comes first
  }
}

void StreamConnection::on_writable() {
  switch (phase_) {
    case Phase::kConnecting:
      return finish_connect();
    case Phase::kHandshake:
      return handshake();
    case Phase::kTls:
      if (read_again_) {  // it was OpenSSL's read that waited to write
        want_write(!output_.empty());
        later();
      }
      [[fallthrough]];
    case Phase::kOpen:
    case Phase::kTlsPending:
      return send_now();
    case Phase::kClosed:
      return;
  }
}

void StreamConnection::end_of_input() {
  input_ended_ = true;
  read_again_ = false;
  want_read(false);
  if (!closing_ && listener_ != nullptr && listener_->on_input_ended()) return;
  // A peer may have shut down its side only: what we owe it is sent first.
  closing_ = true;
  later();
}

void StreamConnection::read_clear() {
  const ssize_t n = ::recv(fd_, loop_.read_buffer(), EventLoop::kReadBufferSize, 0);
  if (n > 0) {
    // After close_after_flush() input is read, so that the end is noticed, and dropped.
    if (listener_ != nullptr && !closing_) {
      listener_->on_data({loop_.read_buffer(), static_cast<std::size_t>(n)});
    }
    return;
  }
  if (n == 0) return end_of_input();
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
  fail("connection with " + peer_name() + ": " + std::strerror(errno));
}

void StreamConnection::read_tls() {
  read_again_ = false;
  std::size_t filled = 0;
  TlsStream::Io io = TlsStream::Io::kDone;
  while (filled < EventLoop::kReadBufferSize) {
    std::size_t got = 0;
    io = tls_->read(loop_.read_buffer() + filled, EventLoop::kReadBufferSize - filled, &got);
    if (io != TlsStream::Io::kDone) break;
    filled += got;
    if (!tls_->has_pending())
      break;  // saves the read that would find nothing; the event comes when there is more
  }
  if (filled == EventLoop::kReadBufferSize) {
    read_again_ = true;
    later();
  } else if (io == TlsStream::Io::kWantWrite) {
    read_again_ = true;
    want_write(true);
  }
  if (filled > 0 && listener_ != nullptr && !closing_) {
    listener_->on_data({loop_.read_buffer(), filled});
    if (phase_ != Phase::kTls) return;
  }
  if (io == TlsStream::Io::kClosed) return end_of_input();
  if (io == TlsStream::Io::kFailed) fail("connection with " + peer_name() + ": TLS: " + tls_->problem());
}

// Sends what the kernel takes now. Never calls the listener: what there is to say is said at the end of the
// turn.
void StreamConnection::send() {
  if (!writing_) send_now();
}

void StreamConnection::send_now() {
  const bool can_send = phase_ == Phase::kOpen || phase_ == Phase::kTlsPending || phase_ == Phase::kTls;
  if (!can_send) return;
  if (output_.empty()) return want_write(false);
  if (phase_ == Phase::kTls ? !send_tls() : !send_clear()) return;
  want_write(false);
  drained_due_ = true;
  if (!in_turn_end_) later();
}

bool StreamConnection::send_clear() {
  std::size_t sent = 0;
  while (!output_.empty()) {
    if (sent >= kSendPerTurn) {
      later();
      return false;
    }
    iovec vectors[kVectors];
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = output_.gather(vectors, kVectors);
    const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n >= 0) {
      output_.consume(static_cast<std::size_t>(n));
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      want_write(true);
      return false;
    }
    fail("connection with " + peer_name() + ": " + std::strerror(errno));
    return false;
  }
  return true;
}

bool StreamConnection::send_tls() {
  char scratch[kTlsRecord];
  std::size_t sent = 0;
  write_wants_read_ = false;
  while (!output_.empty()) {
    if (sent >= kSendPerTurn) {
      later();
      return false;
    }
    const std::string_view bytes = output_.front(scratch, kTlsRecord);
    std::size_t n = 0;
    switch (tls_->write(bytes.data(), bytes.size(), &n)) {
      case TlsStream::Io::kDone:
        output_.consume(n);
        sent += n;
        continue;
      case TlsStream::Io::kWantWrite:
        want_write(true);
        return false;
      case TlsStream::Io::kWantRead:
        write_wants_read_ = true;
        want_read(true);
        return false;
      case TlsStream::Io::kClosed:
      case TlsStream::Io::kFailed:
        fail("connection with " + peer_name() + ": TLS: " + tls_->problem());
        return false;
    }
  }
  return true;
}

// CVE-2011-0411: what came in clear and was not looked at must not be taken for what comes under TLS. Read
// away while our go-ahead is still queued: the handshake's own bytes cannot be there yet.
void StreamConnection::discard_input() {
  std::size_t discarded = 0;
  for (;;) {
    const ssize_t n = ::recv(fd_, loop_.read_buffer(), EventLoop::kReadBufferSize, MSG_DONTWAIT);
    if (n <= 0) return;
    discarded += static_cast<std::size_t>(n);
    if (discarded > kDiscardLimit)
      return fail("too much input before the TLS handshake with " + peer_name(), true);
  }
}

void StreamConnection::start_tls_server(std::shared_ptr<TlsServerContext> context) {
  ESSAIM_CHECK(phase_ == Phase::kOpen || phase_ == Phase::kClosed);
  if (phase_ == Phase::kClosed) return;
  // Once the go-ahead is with the kernel, the client may have begun; bytes in clear then make the handshake
  // fail.
  if (!output_.empty()) discard_input();
  if (phase_ == Phase::kOpen) start_tls(TlsStream::server(fd_, std::move(context)));
}

void StreamConnection::start_tls_client(std::shared_ptr<TlsClientContext> context,
                                        const std::string& server_name, const std::string& session_key,
                                        std::shared_ptr<const TlsPeerCheck> check) {
  ESSAIM_CHECK(phase_ == Phase::kOpen || phase_ == Phase::kClosed);
  if (phase_ == Phase::kClosed) return;
  discard_input();  // a server says nothing before our ClientHello
  if (phase_ == Phase::kOpen) {
    start_tls(TlsStream::client(fd_, std::move(context), server_name, session_key, std::move(check)));
  }
}

void StreamConnection::start_tls(std::unique_ptr<TlsStream> tls) {
  tls_ = std::move(tls);
  phase_ = Phase::kTlsPending;
  later();
}

void StreamConnection::handshake() {
  switch (tls_->handshake()) {
    case TlsStream::Io::kWantRead:
      want_write(false);
      want_read(true);
      return;
    case TlsStream::Io::kWantWrite:
      want_write(true);
      return;
    case TlsStream::Io::kClosed:
    case TlsStream::Io::kFailed:
      fail("TLS handshake with " + peer_name() + ": " + tls_->problem(), true);
      if (closed_ && !tls_->lost()) closed_->reason.code = ErrorCode::kInvalid;
      return;
    case TlsStream::Io::kDone:
      break;
  }
  phase_ = Phase::kTls;
  std::swap(output_, output_under_tls_);
  want_write(false);
  want_read(true);
  // The first bytes may have come with the last of the handshake; and output may have been queued meanwhile.
  read_again_ = true;
  later();
  if (listener_ != nullptr) listener_->on_tls_established(tls_->info());
}

std::unique_ptr<Connection> Connection::adopt(EventLoop& loop, int fd, const SocketAddress& peer,
                                              Listener* listener) {
  auto connection = std::make_unique<StreamConnection>(loop, fd, peer, listener);
  connection->begin_adopted();
  return connection;
}

std::unique_ptr<Connection> Connection::connect(EventLoop& loop, const SocketAddress& peer,
                                                const SocketAddress& source, Listener* listener) {
  errno = EINVAL;
  const int fd =
      peer.valid() ? ::socket(peer.raw()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
  auto connection = std::make_unique<StreamConnection>(loop, fd, peer, listener);
  connection->begin_connect(source);
  return connection;
}

}  // namespace essaim::net
