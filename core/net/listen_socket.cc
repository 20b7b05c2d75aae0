#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/net/acceptor.h"
#include "core/net/port_holder.h"

namespace essaim::net {
namespace {

Error system_error(const std::string& what) {
  return {errno == EADDRINUSE ? ErrorCode::kExists : ErrorCode::kIo, what + ": " + std::strerror(errno)};
}

// With who is in the way, or how to find out.
Error in_use(const SocketAddress& address, const std::string& what) {
  const std::string holder = port_holder(address);
  const std::string port = std::to_string(address.port());
  return {ErrorCode::kExists, what + ": " + std::strerror(EADDRINUSE) +
                                  (holder.empty() ? "; who uses it, root is told by: ss -ltnp sport = " + port
                                                  : " by " + holder)};
}

// Who accepts connections at this path, "another process" if no more is known; "": nobody.
std::string served_by(const sockaddr_un& address) {
  std::string who = "another process";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return who;  // do not take it away
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ECONNREFUSED) who.clear();
  } else if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0) {
    who = process_name(peer.pid);
  }
  ::close(fd);
  return who;
}

}  // namespace

Result<std::shared_ptr<ListenSocket>> ListenSocket::bind(const SocketAddress& address, int backlog) {
  const std::string where = "listen on " + address.to_string();
  if (!address.valid()) return Error{ErrorCode::kInvalid, "listen: no address given"};
  const int fd = ::socket(address.raw()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error(where);
  std::shared_ptr<ListenSocket> socket(new ListenSocket(fd, address));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // 0.0.0.0 and [::] with the same port are two listeners.
  if (address.is_ipv6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd, address.raw(), address.raw_length()) != 0 || ::listen(fd, backlog) != 0)
    return errno == EADDRINUSE ? in_use(address, where) : system_error(where);
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return system_error(where);
  socket->address_ = SocketAddress(reinterpret_cast<const sockaddr*>(&bound), length);
  return socket;
}

Result<std::shared_ptr<ListenSocket>> ListenSocket::bind_unix(const std::string& path, unsigned mode,
                                                              int backlog) {
  const std::string where = "listen on " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalid, where + ": the path of a socket has 1 to " +
                                          std::to_string(sizeof address.sun_path - 1) + " bytes"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode))
      return Error{ErrorCode::kExists, where + ": there is a file that is no socket"};
    if (const std::string who = served_by(address); !who.empty())
      return Error{ErrorCode::kExists, where + ": " + who + " serves it"};
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(where);
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error(where);
  std::shared_ptr<ListenSocket> socket(new ListenSocket(fd, SocketAddress()));
  // The mode of the descriptor becomes that of the file (less the umask), so it is never wider than asked
  // for.
  if (::fchmod(fd, mode) != 0) return system_error(where);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error(where);
  socket->path_ = path;
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd, backlog) != 0) return system_error(where);
  return socket;
}

Result<std::shared_ptr<ListenSocket>> ListenSocket::adopt(int fd) {
  const std::string where = "descriptor " + std::to_string(fd);
  int listening = 0;
  socklen_t length = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) return system_error(where);
  if (listening == 0) return Error{ErrorCode::kInvalid, where + ": not a listening socket"};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return system_error(where);
  }
  sockaddr_storage bound{};
  length = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return system_error(where);
  return std::shared_ptr<ListenSocket>(
      new ListenSocket(fd, SocketAddress(reinterpret_cast<const sockaddr*>(&bound), length)));
}

ListenSocket::~ListenSocket() {
  // First the name: while we still listen nobody else has taken it.
  if (!path_.empty()) ::unlink(path_.c_str());
  ::close(fd_);
}

}  // namespace essaim::net
