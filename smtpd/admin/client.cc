#include "smtpd/admin/client.h"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace essaim::smtpd::admin {
namespace {

class Channel {
 public:
  Channel() : reader_(kMaxAnswer) {}
  ~Channel() {
    if (fd_ >= 0) close(fd_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Result<void> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
      return Error{ErrorCode::kInvalid,
                   path + ": the path is too long for a socket; choose a shorter \"state\""};
    std::memcpy(address.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return failed(path);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
    if (errno == ENOENT || errno == ECONNREFUSED)
      return Error{ErrorCode::kNotFound, "no server is running here (" + path + ")"};
    return failed(path);
  }

  Result<void> send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed("admin socket");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  // kCancelled when the server has closed.
  Result<std::string> read_line(Duration patience) {
    const MonoTime deadline = system_clock().mono_now() + patience;
    for (;;) {
      while (!rest_.empty()) {
        std::size_t used = 0;
        const LineReader::State state = reader_.take(rest_, &used);
        rest_.erase(0, used);
        if (state == LineReader::State::kTooLong)
          return Error{ErrorCode::kExhausted, "the server's answer is too long"};
        if (state == LineReader::State::kLine) {
          std::string line = reader_.line();
          reader_.next();
          return line;
        }
      }
      int wait = -1;
      if (patience > Duration::zero()) {
        const Duration left = deadline - system_clock().mono_now();
        if (left <= Duration::zero()) return Error{ErrorCode::kTemporary, "the server does not answer"};
        wait = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count()) + 1;
      }
      pollfd ready{fd_, POLLIN, 0};
      if (poll(&ready, 1, wait) <= 0) continue;
      char buffer[16384];
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n == 0) return Error{ErrorCode::kCancelled, "the server has closed the connection"};
      if (n < 0 && errno != EINTR) return failed("admin socket");
      if (n > 0) rest_.assign(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  static Error failed(const std::string& what) {
    return {ErrorCode::kIo, what + ": " + std::strerror(errno) +
                                (errno == EACCES ? " (run as root or as the server's user)" : "")};
  }
  int fd_ = -1;
  LineReader reader_;
  std::string rest_;
};

}  // namespace

Result<std::string> call(const std::string& socket, const Request& request, Duration patience) {
  Channel channel;
  ESSAIM_TRY(channel.connect_to(socket));
  ESSAIM_TRY(channel.send_all(encode_request(request)));
  auto line = channel.read_line(patience);
  if (!line.ok()) return line.error();
  return decode_answer(*line);
}

Result<void> stream(const std::string& socket, const Request& request, const std::function<void()>& began,
                    const std::function<bool(const std::string&)>& each) {
  Channel channel;
  ESSAIM_TRY(channel.connect_to(socket));
  ESSAIM_TRY(channel.send_all(encode_request(request)));
  auto first = channel.read_line(std::chrono::seconds(10));
  if (!first.ok()) return first.error();
  ESSAIM_TRY(decode_answer(*first));
  began();
  for (;;) {
    auto line = channel.read_line(Duration::zero());
    if (!line.ok()) return line.error().code == ErrorCode::kCancelled ? Result<void>() : line.error();
    auto text = decode_line(*line);
    if (!text.ok()) return text.error();
    if (!each(*text)) return {};
  }
}

}  // namespace essaim::smtpd::admin
