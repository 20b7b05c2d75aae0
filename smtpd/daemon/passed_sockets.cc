#include "smtpd/daemon/passed_sockets.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/text.h"

namespace essaim::smtpd {
namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START
constexpr std::uint64_t kMostSockets = 64;

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

bool fits(const ListenSettings& listen, const PassedSocket& passed) {
  if (!listen.socket.empty()) return listen.socket == passed.name;
  const auto wanted = net::SocketAddress::parse(listen.address);
  return wanted.ok() && wanted->to_string() == passed.socket->address().to_string();
}

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets() {
  const std::string pid = variable("LISTEN_PID"), count = variable("LISTEN_FDS"),
                    names = variable("LISTEN_FDNAMES");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  std::vector<PassedSocket> out;
  if (count.empty() || pid != std::to_string(getpid())) return out;
  const auto number = parse_u64(count);
  if (!number || *number > kMostSockets)
    return Error{ErrorCode::kInvalid,
                 "LISTEN_FDS: \"" + escaped_for_display(count, 40) + "\" is no number of sockets"};
  const auto parts = split(names, ':');
  for (std::size_t i = 0; i < *number; ++i) {
    auto socket = net::ListenSocket::adopt(kFirstDescriptor + static_cast<int>(i));
    if (!socket.ok())
      return Error{ErrorCode::kInvalid, "a socket of the service manager: " + socket.error().message};
    out.push_back({i < parts.size() ? std::string(parts[i]) : std::string(), *std::move(socket)});
  }
  return out;
}

Result<std::vector<std::shared_ptr<net::ListenSocket>>> assign_sockets(
    const std::vector<ListenSettings>& listen, const std::vector<PassedSocket>& passed) {
  std::vector<std::shared_ptr<net::ListenSocket>> out(listen.size());
  for (const PassedSocket& one : passed) {
    bool taken = false;
    for (std::size_t i = 0; i < listen.size() && !taken; ++i) {
      if (out[i] != nullptr || !fits(listen[i], one)) continue;
      out[i] = one.socket;
      taken = true;
    }
    if (taken) continue;
    const std::string address =
        one.socket->address().valid() ? one.socket->address().to_string() : std::string("a UNIX socket");
    const std::string name = escaped_for_display(one.name, 80);
    return Error{ErrorCode::kInvalid,
                 "the service manager has passed the socket \"" + name + "\" (" + address +
                     "), which fits no [[listen]]: give one this address, or socket = \"" + name + "\""};
  }
  return out;
}

}  // namespace essaim::smtpd
