#include "core/net/linger.h"

#include <cerrno>
#include <memory>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>
#include <unistd.h>

namespace essaim::net {
namespace {

constexpr auto kTime = std::chrono::seconds(2);
constexpr std::size_t kBytes = 1024 * 1024;
constexpr std::size_t kAtOnce = 1'000;

class Linger : public Disposable {
 public:
  Linger(EventLoop& loop, int fd) : loop_(loop), fd_(fd), timer_(loop, [this] { loop_.drop(this); }) {
    event_assign(
        &event_, loop.base(), fd, EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) { static_cast<Linger*>(self)->on_readable(); }, this);
    event_add(&event_, nullptr);
    timer_.start(kTime);
  }
  ~Linger() override {
    event_del(&event_);
    ::close(fd_);
  }
  void on_doomed() override {
    event_del(&event_);
    timer_.cancel();
  }

 private:
  void on_readable() {
    const ssize_t n = ::recv(fd_, loop_.read_buffer(), EventLoop::kReadBufferSize, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) read_ += static_cast<std::size_t>(n);
    if (n <= 0 || read_ > kBytes) loop_.drop(this);
  }

  EventLoop& loop_;
  const int fd_;
  Timer timer_;
  event event_{};
  std::size_t read_ = 0;
};

}  // namespace

void linger_and_close(EventLoop& loop, int fd) {
  ::shutdown(fd, SHUT_WR);
  if (loop.kept() >= kAtOnce) {
    // A flood of refused peers must not eat the descriptors; these may miss our last words.
    ::close(fd);
    return;
  }
  loop.keep(std::make_unique<Linger>(loop, fd));
}

}  // namespace essaim::net
