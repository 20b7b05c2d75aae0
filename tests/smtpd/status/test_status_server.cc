// What balancers are told while nothing serves yet, or any more.
#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "smtpd/status/status_server.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(status_server)

BOOST_AUTO_TEST_CASE(the_log_says_once_that_a_server_that_starts_or_stops_is_not_ready) {
  std::mutex mutex;
  std::vector<std::string> lines;
  log::Capture capture([&](log::Level, std::string_view line) {
    const std::lock_guard lock(mutex);
    lines.emplace_back(line);
  });
  {
    net::EventLoop loop("test");
    const auto socket = listen_on_loopback();
    const StatusServer server({socket});
    for (int i = 0; i < 2; ++i) {
      Peer peer;
      peer.connection = net::Connection::connect(loop, socket->address(), {}, &peer);
      BOOST_REQUIRE(run_until(loop, [&] { return peer.connected == 1; }));
      peer.connection->write("GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      BOOST_REQUIRE(run_until(loop, [&] { return peer.closed.has_value(); }));
      BOOST_TEST(peer.received.find("HTTP/1.1 503 ") == 0U);
      BOOST_TEST(peer.received.find("not ready\nstarting or stopping\n") != std::string::npos);
    }
  }
  std::vector<std::string> told;
  for (const std::string& line : lines)
    if (line.find("ready") != std::string::npos) told.push_back(line);
  BOOST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].find(" not-ready why=\"starting or stopping\"") != std::string::npos, told[0]);
}

BOOST_AUTO_TEST_SUITE_END()
