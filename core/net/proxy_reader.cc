#include "core/net/proxy_reader.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

namespace essaim::net {

ProxyReader::ProxyReader(EventLoop& loop, int fd, Duration patience, Done done)
    : loop_(loop), fd_(fd), done_(std::move(done)), deadline_(loop, [this] {
        end(Error{ErrorCode::kInvalid, begun_ ? "a PROXY header that does not end" : "no PROXY header came"});
      }) {
  event_assign(
      &event_, loop.base(), fd, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<ProxyReader*>(self)->on_readable(); }, this);
  event_add(&event_, nullptr);
  deadline_.start(patience);
}

ProxyReader::~ProxyReader() {
  on_doomed();
}

void ProxyReader::on_doomed() {
  done_ = nullptr;
  deadline_.cancel();
  if (fd_ < 0) return;
  event_del(&event_);
  ::close(std::exchange(fd_, -1));
}

// Peeked first: what belongs to the header is known only when it was looked at. All of an incomplete header belongs
// to it and is read away, so the descriptor does not stay readable.
void ProxyReader::on_readable() {
  char* const buffer = loop_.read_buffer();
  const ssize_t n = ::recv(fd_, buffer, ProxyHeaderParser::kMaxV2, MSG_PEEK);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return;
    return end(Error{begun_ ? ErrorCode::kTemporary : ErrorCode::kCancelled, std::strerror(errno)});
  }
  if (n == 0)
    return end(begun_ ? Error{ErrorCode::kTemporary, "the connection ended within the PROXY header"}
                      : Error{ErrorCode::kCancelled, "the connection ended before the PROXY header"});
  begun_ = true;
  std::string_view rest(buffer, static_cast<std::size_t>(n));
  const auto status = parser_.feed(&rest);
  const std::size_t taken = static_cast<std::size_t>(n) - rest.size();
  if (taken > 0 && ::recv(fd_, buffer, taken, 0) != static_cast<ssize_t>(taken))
    return end(Error{ErrorCode::kTemporary, "the PROXY header could not be read"});
  if (status == ProxyHeaderParser::Status::kError) return end(parser_.error());
  if (status == ProxyHeaderParser::Status::kDone) end(parser_.header());
}

void ProxyReader::end(Result<ProxyHeader> header) {
  deadline_.cancel();
  event_del(&event_);
  const int fd = std::exchange(fd_, -1);
  const Done done = std::exchange(done_, nullptr);
  if (!header.ok()) ::close(fd);
  done(header, header.ok() ? fd : -1);
}

}  // namespace essaim::net
