// The PROXY header over real sockets: exactly its octets are read, and what is wrong closes the descriptor.
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/proxy_reader.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::net;
using namespace essaim::test;
using std::chrono::milliseconds;

namespace {

const std::string kHeader = "PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n";

struct Reading {
  explicit Reading(Duration patience = std::chrono::seconds(20)) {
    int ends[2];
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    peer = ends[0];
    reader =
        std::make_unique<ProxyReader>(loop, ends[1], patience, [this](Result<ProxyHeader> h, int descriptor) {
          header = std::move(h);
          fd = descriptor;
          loop.destroy_later(std::move(reader));
        });
  }
  ~Reading() {
    if (peer >= 0) ::close(peer);
    if (fd >= 0) ::close(fd);
  }
  void say(std::string_view bytes) {
    BOOST_REQUIRE(::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(bytes.size()));
  }
  void leave() { ::close(std::exchange(peer, -1)); }
  bool done() {
    return run_until(loop, [this] { return header.has_value(); });
  }
  ErrorCode error() {
    BOOST_REQUIRE(done());
    BOOST_REQUIRE(!header->ok());
    BOOST_TEST(fd == -1);
    return header->error().code;
  }
  std::string rest() const {
    char buffer[256];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
  }

  EventLoop loop{"test"};
  int peer = -1, fd = -1;
  std::optional<Result<ProxyHeader>> header;
  std::unique_ptr<ProxyReader> reader;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy_reader)

BOOST_AUTO_TEST_CASE(what_follows_the_header_stays_with_the_descriptor) {
  Reading r;
  r.say(kHeader + "EHLO client.example\r\n");
  BOOST_REQUIRE(r.done());
  BOOST_REQUIRE(r.header->ok());
  BOOST_TEST((*r.header)->source.to_string() == "192.0.2.1:4660");
  BOOST_TEST(r.rest() == "EHLO client.example\r\n");
}

BOOST_AUTO_TEST_CASE(a_header_in_pieces_does_not_keep_the_loop_busy) {
  Reading r;
  r.say(kHeader.substr(0, 20));
  run_for(r.loop, milliseconds(100));
  BOOST_TEST(!r.header.has_value());
  const std::uint64_t turns = r.loop.turns();
  run_for(r.loop, milliseconds(200));
  BOOST_TEST(r.loop.turns() - turns < 20U);
  r.say(kHeader.substr(20));
  BOOST_REQUIRE(r.done());
  BOOST_TEST(r.header->ok());
  char byte = 0;
  BOOST_TEST(::recv(r.peer, &byte, 1, MSG_DONTWAIT) == -1);  // nothing was said to the peer
}

BOOST_AUTO_TEST_CASE(octets_one_by_one_do_not_extend_the_time) {
  Reading r(milliseconds(300));
  Timer drip(r.loop, [&] {
    if (r.reader == nullptr) return;
    r.say("P");
    drip.start(milliseconds(50));
  });
  r.say("PROXY UNKNOWN ");
  drip.start(milliseconds(50));
  BOOST_TEST((r.error() == ErrorCode::kInvalid));
}

BOOST_AUTO_TEST_CASE(silence_and_other_protocols_are_refused) {
  Reading silent(milliseconds(50));
  BOOST_TEST((silent.error() == ErrorCode::kInvalid));
  Reading other;
  other.say("EHLO client.example\r\n");
  BOOST_TEST((other.error() == ErrorCode::kInvalid));
  char byte = 0;
  BOOST_TEST(::recv(other.peer, &byte, 1, 0) == 0);  // closed
}

BOOST_AUTO_TEST_CASE(a_peer_that_goes_is_told_from_one_that_goes_in_the_middle) {
  Reading before;
  before.leave();
  BOOST_TEST((before.error() == ErrorCode::kCancelled));
  Reading within;
  within.say("PROXY TC");
  run_for(within.loop, milliseconds(50));
  within.leave();
  BOOST_TEST((within.error() == ErrorCode::kTemporary));
}

BOOST_AUTO_TEST_CASE(destroyed_in_the_middle_it_closes_and_says_nothing) {
  Reading r;
  r.say("PROXY TC");
  run_for(r.loop, milliseconds(20));
  r.reader.reset();
  char byte = 0;
  BOOST_TEST(::recv(r.peer, &byte, 1, 0) == 0);
  BOOST_TEST(!r.header.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
