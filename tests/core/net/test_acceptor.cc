#include <cstring>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::net;
using namespace essaim::test;
using std::chrono::milliseconds;

namespace {

int connect_to(const sockaddr* address, socklen_t length) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  BOOST_REQUIRE(fd >= 0);
  BOOST_REQUIRE(::connect(fd, address, length) == 0);
  return fd;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(acceptor)

BOOST_AUTO_TEST_CASE(descriptors_are_non_blocking_and_close_on_exec) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  int accepted = -1;
  std::string from;
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress& peer) {
    accepted = fd;
    from = peer.ip();
  });
  const int fd = connect_to(socket->address().raw(), socket->address().raw_length());
  BOOST_REQUIRE(run_until(loop, [&] { return accepted >= 0; }));
  BOOST_TEST((::fcntl(accepted, F_GETFL) & O_NONBLOCK) != 0);
  BOOST_TEST((::fcntl(accepted, F_GETFD) & FD_CLOEXEC) != 0);
  BOOST_TEST(from == "127.0.0.1");
  ::close(accepted);
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_refused_with_its_address) {
  const auto socket = listen_on_loopback();
  const auto second = ListenSocket::bind(socket->address());
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST((second.error().code == ErrorCode::kExists));
  BOOST_TEST(second.error().message.find(socket->address().to_string()) != std::string::npos);
  // It is we who have it.
  const std::string holder = "Address already in use by process " + std::to_string(::getpid()) + " (test_";
  BOOST_TEST(second.error().message.find(holder) != std::string::npos, second.error().message);
  const auto all =
      ListenSocket::bind(SocketAddress::parse("0.0.0.0:" + std::to_string(socket->address().port())).value());
  BOOST_REQUIRE(!all.ok());
  BOOST_TEST(all.error().message.find(holder) != std::string::npos, all.error().message);
  BOOST_TEST(!ListenSocket::bind(SocketAddress::parse("192.0.2.77:25").value()).ok());
  BOOST_TEST(!ListenSocket::bind({}).ok());
}

BOOST_AUTO_TEST_CASE(out_of_descriptors_it_pauses_and_goes_on_by_itself) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  int accepted = -1;
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress&) { accepted = fd; });
  loop.post([] {});
  loop.run_turn();
  std::vector<std::string> lines;
  const log::Capture capture([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  const int fd = connect_to(socket->address().raw(), socket->address().raw_length());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::dup(0);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next);
  ::setrlimit(RLIMIT_NOFILE, &tight);
  const std::uint64_t turns = loop.turns();
  run_for(loop, milliseconds(350));
  ::setrlimit(RLIMIT_NOFILE, &before);
  BOOST_TEST(accepted == -1);
  BOOST_TEST(loop.turns() - turns < 20U);  // it does not spin
  BOOST_TEST(run_until(loop, [&] { return accepted >= 0; }));
  BOOST_REQUIRE(lines.size() == 2U);
  BOOST_TEST(lines[0].find("accept-failed") != std::string::npos);
  BOOST_TEST(lines[1].find("accept-recovered") != std::string::npos);
  ::close(accepted);
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(may_be_destroyed_by_its_own_callback) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  std::unique_ptr<Acceptor> acceptor;
  int calls = 0;
  acceptor = std::make_unique<Acceptor>(loop, socket, [&](int fd, const SocketAddress&) {
    ++calls;
    ::close(fd);
    acceptor.reset();
  });
  const int one = connect_to(socket->address().raw(), socket->address().raw_length());
  const int two = connect_to(socket->address().raw(), socket->address().raw_length());
  BOOST_REQUIRE(run_until(loop, [&] { return calls > 0; }));
  run_for(loop, milliseconds(20));
  BOOST_TEST(calls == 1);
  ::close(one);
  ::close(two);
}

BOOST_AUTO_TEST_CASE(serves_a_unix_socket_with_its_mode) {
  const TempDir dir;
  const std::string path = dir.path("admin.sock");
  EventLoop loop("test");
  {
    const auto socket = ListenSocket::bind_unix(path, 0660);
    BOOST_REQUIRE(socket.ok());
    struct stat st {};
    BOOST_REQUIRE(::stat(path.c_str(), &st) == 0);
    BOOST_TEST((st.st_mode & 0777) == 0660U);
    BOOST_TEST((ListenSocket::bind_unix(path, 0660).error().code == ErrorCode::kExists));
    Peer server;
    Acceptor acceptor(loop, *socket, [&](int fd, const SocketAddress& peer) {
      BOOST_TEST(!peer.valid());
      server.connection = Connection::adopt(loop, fd, peer, &server);
    });
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int fd = connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    BOOST_REQUIRE(::send(fd, "list", 4, 0) == 4);
    BOOST_TEST(run_until(loop, [&] { return server.received == "list"; }));
    ::close(fd);
    BOOST_TEST(run_until(loop, [&] { return server.closed.has_value(); }));
  }
  BOOST_TEST(::access(path.c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(a_stale_unix_socket_is_replaced_and_a_file_is_not) {
  const TempDir dir;
  const std::string path = dir.path("stale.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  BOOST_REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(dead);
  BOOST_TEST(ListenSocket::bind_unix(path, 0600).ok());
  BOOST_TEST((ListenSocket::bind_unix(dir.write("file", "x"), 0600).error().code == ErrorCode::kExists));
  BOOST_TEST((ListenSocket::bind_unix(std::string(200, 'x'), 0600).error().code == ErrorCode::kInvalid));
}

BOOST_AUTO_TEST_CASE(adopts_a_listening_descriptor_and_nothing_else) {
  EventLoop loop("test");
  const auto original = listen_on_loopback();
  const auto adopted = ListenSocket::adopt(::dup(original->fd()));
  BOOST_REQUIRE(adopted.ok());
  BOOST_TEST((*adopted)->address().to_string() == original->address().to_string());
  const int plain = ::socket(AF_INET, SOCK_STREAM, 0);
  BOOST_TEST((ListenSocket::adopt(plain).error().code == ErrorCode::kInvalid));
  ::close(plain);
  BOOST_TEST(!ListenSocket::adopt(-1).ok());
}

BOOST_AUTO_TEST_SUITE_END()
