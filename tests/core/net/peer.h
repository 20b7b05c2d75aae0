// A listener that records what a connection tells it, and a pair of connections over loopback.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/check.h"
#include "core/net/acceptor.h"
#include "core/net/connection.h"
#include "tests/support/certificate.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"

namespace essaim::test {

class Peer final : public net::Connection::Listener {
 public:
  void on_connected() override { ++connected; }
  void on_data(std::string_view bytes) override {
    ESSAIM_CHECK(!closed.has_value());  // Boost.Test is not for several threads
    received.append(bytes);
    if (when_data) when_data(bytes);
  }
  void on_drained() override {
    ++drained;
    if (when_drained) when_drained();
  }
  void on_tls_established(const net::TlsInfo& info) override {
    tls = info;
    if (when_tls) when_tls();
  }
  void on_closed(const Error& reason, bool in_tls) override {
    ESSAIM_CHECK(!closed.has_value());  // Boost.Test is not for several threads
    closed = reason;
    during_tls = in_tls;
    if (when_closed) when_closed();
  }

  std::unique_ptr<net::Connection> connection;
  int connected = 0;
  int drained = 0;
  std::string received;
  std::optional<net::TlsInfo> tls;
  std::optional<Error> closed;
  bool during_tls = false;
  std::function<void(std::string_view)> when_data;
  std::function<void()> when_drained, when_tls, when_closed;
};

inline std::shared_ptr<net::ListenSocket> listen_on_loopback() {
  return net::ListenSocket::bind(net::SocketAddress::parse("127.0.0.1:0").value()).value();
}

// Two ends of one TCP connection on one loop.
struct Pair {
  explicit Pair(net::EventLoop& l) : loop(l) {
    const auto socket = listen_on_loopback();
    net::Acceptor acceptor(loop, socket, [&](int fd, const net::SocketAddress& from) {
      server.connection = net::Connection::adopt(loop, fd, from, &server);
    });
    client.connection = net::Connection::connect(loop, socket->address(), {}, &client);
    BOOST_REQUIRE(run_until(loop, [&] { return client.connected == 1 && server.connection != nullptr; }));
  }
  bool both_closed() const { return client.closed.has_value() && server.closed.has_value(); }
  net::EventLoop& loop;
  Peer server;
  Peer client;
};

inline std::shared_ptr<net::TlsServerContext> server_context() {
  static const TempDir dir;
  static const auto context =
      net::TlsServerContext::load({{dir.write("tls.pem", make_certificate_pem())}, {}}).value();
  return context;
}

// Bytes that show a lost, doubled or misplaced piece.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed;
  for (char& c : bytes) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return bytes;
}

}  // namespace essaim::test
