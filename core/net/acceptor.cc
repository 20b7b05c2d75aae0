#include "core/net/acceptor.h"

#include <cerrno>
#include <cstring>

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"

namespace essaim::net {
namespace {

// So many a turn: a burst on one listener must not keep this loop from its sessions, and other loops may
// help.
constexpr int kAcceptsPerTurn = 32;
constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

struct Acceptor::Impl {
  Impl(EventLoop& l, std::shared_ptr<ListenSocket> s, Callback c)
      : socket(std::move(s)), callback(std::move(c)), pause(l, [this] { resume(); }) {
    event = event_new(
        l.base(), socket->fd(), EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Impl*>(self)->accept_some(); }, this);
    ESSAIM_CHECK(event != nullptr);
    resume();
  }
  ~Impl() {
    event_free(event);
    if (destroyed != nullptr) *destroyed = true;
  }
  void resume() { event_add(event, nullptr); }
  void accept_some();
  void fail(int error);

  std::shared_ptr<ListenSocket> socket;
  Callback callback;
  struct event* event = nullptr;
  Timer pause;
  log::Once trouble;
  bool* destroyed = nullptr;  // set while the callback runs, which may destroy the acceptor
};

void Acceptor::Impl::accept_some() {
  bool gone = false;
  destroyed = &gone;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const int fd =
        ::accept4(socket->fd(), reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      callback(fd, SocketAddress(reinterpret_cast<const sockaddr*>(&storage), length));
      if (gone) return;
      continue;
    }
    const int error = errno;
    if (error == EINTR || error == ECONNABORTED || error == EPROTO) continue;
    if (error != EAGAIN && error != EWOULDBLOCK) {
      fail(error);
    } else if (std::uint64_t failures = 0; trouble.over(&failures)) {
      // Only now: while some wait, a descriptor that comes free for a moment ends nothing.
      log::info("accept-recovered", {{"address", socket->address().to_string()}, {"failures", failures}});
    }
    break;
  }
  destroyed = nullptr;
}

// EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog and the descriptor readable, so that
// without a pause the loop would spin. Network errors of the new socket (accept(2)) end in the same pause,
// which is harmless.
void Acceptor::Impl::fail(int error) {
  if (trouble.again()) {
    log::warning("accept-failed",
                 {{"address", socket->address().to_string()}, {"error", std::strerror(error)}});
  }
  event_del(event);
  pause.start(kPause);
}

Acceptor::Acceptor(EventLoop& loop, std::shared_ptr<ListenSocket> socket, Callback callback)
    : impl_(std::make_unique<Impl>(loop, std::move(socket), std::move(callback))) {}

Acceptor::~Acceptor() = default;

}  // namespace essaim::net
