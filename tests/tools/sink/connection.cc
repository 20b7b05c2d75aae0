// The side of the server that reads no SMTP: TLS, what goes out, and the end of a connection.
#include <cerrno>
#include <cstring>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/sink/server.h"

namespace sink {

void Server::handshake(Session* session) {
  int result = SSL_do_handshake(session->ssl);
  if (result == 1) {
    session->handshaking = false;
    ++counters_.tls;
    counters_.resumed += static_cast<std::uint64_t>(SSL_session_reused(session->ssl));
    watch(session, false);
    readable(session);
    return;
  }
  int error = SSL_get_error(session->ssl, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    watch(session, error == SSL_ERROR_WANT_WRITE);
    return;
  }
  ERR_clear_error();
  finish(session);
}

void Server::write_out(Session* session) {
  if (session->paused_until != 0) return;
  if (options_.delay_ms == 0) return flush(session, &session->out);
  if (session->out.empty() && !session->closing) return;
  std::int64_t due = now_ms() + options_.delay_ms;
  session->held.push_back({due, std::move(session->out)});
  session->out.clear();
  held_.emplace_back(due, session->fd);
}

void Server::flush(Session* session, std::string* bytes) {
  while (!bytes->empty()) {
    ssize_t put = session->ssl != nullptr
                      ? SSL_write(session->ssl, bytes->data(), static_cast<int>(bytes->size()))
                      : send(session->fd, bytes->data(), bytes->size(), MSG_NOSIGNAL);
    if (put > 0) {
      bytes->erase(0, static_cast<std::size_t>(put));
      continue;
    }
    bool again = session->ssl != nullptr
                     ? SSL_get_error(session->ssl, static_cast<int>(put)) == SSL_ERROR_WANT_WRITE
                     : errno == EAGAIN;
    if (!again) {
      finish(session);
      return;
    }
    if (!session->writing) watch(session, true);
    return;
  }
  if (session->writing) watch(session, false);
  if (session->closing && session->held.empty()) finish(session);
}

void Server::watch(Session* session, bool writable) {
  session->writing = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.fd = session->fd;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, session->fd, &event);
}

void Server::finish(Session* session) {
  if (session->dead) return;
  session->dead = true;
  --counters_.open;
  if (session->ssl != nullptr) {
    SSL_free(session->ssl);
    session->ssl = nullptr;
  }
  close(session->fd);
  auto found = sessions_.find(session->fd);
  dying_.push_back(std::move(found->second));
  sessions_.erase(found);
}

}  // namespace sink
