// A port on loopback that leads to a server's socket, and counts who came: several of them are the hosts of one server. For tests.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace essaim::test {

class ServerPort {
 public:
  explicit ServerPort(std::string socket) : socket_(std::move(socket)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listening_ < 0 || ::bind(listening_, generic, length) != 0 || ::listen(listening_, 16) != 0 ||
        ::getsockname(listening_, generic, &length) != 0)
      throw std::runtime_error("no port for the test");
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~ServerPort() {
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (std::thread& relay : relays_) relay.join();
    ::close(listening_);
  }
  ServerPort(const ServerPort&) = delete;
  ServerPort& operator=(const ServerPort&) = delete;

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  int visits() const { return visits_.load(); }

 private:
  void accept_all() {
    for (;;) {
      const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      ++visits_;
      relays_.emplace_back([this, client] { relay(client); });
    }
  }
  // Until one side has closed.
  void relay(int client) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    while (open) {
      std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
      if (::poll(ends.data(), ends.size(), -1) < 0) break;
      open = (ends[0].revents == 0 || pass(client, server)) && (ends[1].revents == 0 || pass(server, client));
    }
    ::close(server);
    ::close(client);
  }
  static bool pass(int from, int to) {
    std::array<char, 65536> bytes;
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t wrote =
          ::send(to, bytes.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (wrote < 0) return false;
      sent += wrote;
    }
    return got > 0;
  }

  const std::string socket_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> visits_{0};
  std::thread accepting_;
  std::vector<std::thread> relays_;
};

}  // namespace essaim::test
