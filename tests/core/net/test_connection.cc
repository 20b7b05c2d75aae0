#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::net;
using namespace essaim::test;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(connection)

BOOST_AUTO_TEST_CASE(sends_own_and_shared_bytes_in_order) {
  EventLoop loop("test");
  Pair pair(loop);
  const SharedBytes body = share(pattern(100'000));
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    const std::string head = "head " + std::to_string(i) + "\r\n";
    const auto offset = static_cast<std::size_t>(i) * 13;
    pair.client.connection->write(head);
    pair.client.connection->write_shared(body, offset, 70'000);
    expected += head + body->substr(offset, 70'000);
  }
  BOOST_TEST(pair.client.connection->pending_output() == expected.size());
  BOOST_TEST(run_until(loop, [&] { return pair.server.received.size() >= expected.size(); }));
  BOOST_TEST((pair.server.received == expected));
  BOOST_TEST(run_until(loop, [&] { return pair.client.drained > 0; }));
  BOOST_TEST(pair.client.connection->pending_output() == 0U);
  BOOST_TEST(body.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(what_a_turn_writes_is_sent_at_its_end_and_drained_is_said_later) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.client.connection->write("a");
  pair.client.connection->write("b");
  BOOST_TEST(pair.client.connection->pending_output() == 2U);
  pair.client.connection->flush();
  BOOST_TEST(pair.client.connection->pending_output() == 0U);
  BOOST_TEST(pair.client.drained == 0);
  BOOST_TEST(run_until(loop, [&] { return pair.client.drained == 1 && pair.server.received == "ab"; }));
}

BOOST_AUTO_TEST_CASE(bytes_written_before_the_connection_stands_are_sent_then) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  Peer server;
  Peer client;
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress& from) {
    server.connection = Connection::adopt(loop, fd, from, &server);
  });
  client.connection =
      Connection::connect(loop, socket->address(), SocketAddress::parse("127.0.0.3:0").value(), &client);
  client.connection->write("early");
  BOOST_TEST(client.connected == 0);
  BOOST_TEST(run_until(loop, [&] { return server.received == "early"; }));
  BOOST_TEST(client.connected == 1);
  BOOST_TEST(server.connection->peer().ip() == "127.0.0.3");
  BOOST_TEST(client.connection->local().ip() == "127.0.0.3");
  BOOST_TEST(server.connection->local().to_string() == socket->address().to_string());
}

BOOST_AUTO_TEST_CASE(a_paused_reader_slows_its_peer_and_loses_nothing) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.server.connection->pause_reading();
  const std::string bytes = pattern(30'000'000);
  pair.client.connection->write_shared(share(bytes), 0, bytes.size());
  run_for(loop, milliseconds(100));
  BOOST_TEST(pair.server.received.empty());
  BOOST_TEST(pair.client.connection->pending_output() > 0U);
  BOOST_TEST(pair.client.drained == 0);
  pair.server.connection->resume_reading();
  BOOST_TEST(run_until(loop, [&] { return pair.server.received.size() == bytes.size(); }));
  BOOST_TEST((pair.server.received == bytes));
}

BOOST_AUTO_TEST_CASE(closes_in_order_after_what_was_queued) {
  EventLoop loop("test");
  Pair pair(loop);
  const std::string bytes = pattern(5'000'000);
  pair.server.connection->write(bytes);
  pair.server.connection->close_after_flush();
  pair.server.connection->write("too late");
  BOOST_TEST(run_until(loop, [&] { return pair.both_closed(); }));
  BOOST_TEST((pair.client.received == bytes));
  BOOST_TEST((pair.client.closed->code == ErrorCode::kCancelled));
  BOOST_TEST((pair.server.closed->code == ErrorCode::kCancelled));
}

BOOST_AUTO_TEST_CASE(the_last_words_reach_a_peer_that_is_still_sending) {
  EventLoop loop("test");
  Pair pair(loop);
  // The server refuses in the midst of a flood; without lingering the reset would destroy the refusal on its
  // way.
  pair.server.when_data = [&](std::string_view) {
    pair.server.connection->write("554 go away\r\n");
    pair.server.connection->close_after_flush();
  };
  pair.client.connection->write(pattern(300'000));
  BOOST_TEST(run_until(loop, [&] { return pair.both_closed(); }));
  BOOST_TEST(pair.client.received == "554 go away\r\n");
}

BOOST_AUTO_TEST_CASE(a_peer_that_shuts_down_its_side_still_gets_its_replies) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  Peer server;
  server.when_data = [&](std::string_view) { server.connection->write(pattern(3'000'000)); };
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress& from) {
    server.connection = Connection::adopt(loop, fd, from, &server);
  });
  std::string got;
  std::thread client([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    ESSAIM_CHECK(::connect(fd, socket->address().raw(), socket->address().raw_length()) == 0);
    ESSAIM_CHECK(::send(fd, "x", 1, 0) == 1);
    ::shutdown(fd, SHUT_WR);
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      got.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(fd);
  });
  BOOST_TEST(run_until(loop, [&] { return server.closed.has_value(); }));
  client.join();
  BOOST_TEST((server.closed->code == ErrorCode::kCancelled));
  BOOST_TEST((got == pattern(3'000'000)));
}

BOOST_AUTO_TEST_CASE(a_reset_is_told_once_as_temporary) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  Peer client;
  int accepted = -1;
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress&) { accepted = fd; });
  client.connection = Connection::connect(loop, socket->address(), {}, &client);
  BOOST_REQUIRE(run_until(loop, [&] { return accepted >= 0 && client.connected == 1; }));
  const linger hard{1, 0};
  ::setsockopt(accepted, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(accepted);
  client.connection->write("into the void");
  BOOST_TEST(run_until(loop, [&] { return client.closed.has_value(); }));
  BOOST_TEST((client.closed->code == ErrorCode::kTemporary));
  BOOST_TEST(!client.during_tls);
  client.connection->write("more");
  client.connection->flush();
  client.connection->close_after_flush();
  run_for(loop, milliseconds(20));
  BOOST_TEST(client.connection->pending_output() == 0U);
}

BOOST_AUTO_TEST_CASE(a_failed_connect_names_the_address_and_the_reason) {
  EventLoop loop("test");
  std::string address;
  {
    const auto socket = listen_on_loopback();
    address = socket->address().to_string();
  }
  Peer refused;
  refused.connection = Connection::connect(loop, SocketAddress::parse(address).value(), {}, &refused);
  Peer bad_source;
  bad_source.connection = Connection::connect(loop, SocketAddress::parse(address).value(),
                                              SocketAddress::parse("192.0.2.77:0").value(), &bad_source);
  Peer nowhere;
  nowhere.connection = Connection::connect(loop, {}, {}, &nowhere);
  BOOST_TEST(!bad_source.closed.has_value());  // never from within the call
  BOOST_TEST(run_until(loop, [&] { return refused.closed && bad_source.closed && nowhere.closed; }));
  BOOST_TEST(refused.closed->message == "connect to " + address + ": Connection refused");
  BOOST_TEST((refused.closed->code == ErrorCode::kTemporary));
  BOOST_TEST(refused.connected == 0);
  BOOST_TEST(bad_source.closed->message.find("192.0.2.77") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(may_be_doomed_in_every_callback_and_calls_nobody_after) {
  for (const std::string_view where : {"data", "drained", "closed"}) {
    EventLoop loop("test");
    Pair pair(loop);
    auto victim = std::make_unique<Peer>();
    Peer* raw = victim.get();
    pair.server.connection.reset();  // its peer closes; take a fresh pair with a mortal listener
    BOOST_REQUIRE(run_until(loop, [&] { return pair.client.closed.has_value(); }));
    const auto socket = listen_on_loopback();
    Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress& from) {
      raw->connection = Connection::adopt(loop, fd, from, raw);
    });
    // The listener dies with the connection's farewell: any call after that is a use after free.
    const auto kill = [&] {
      loop.destroy_later(std::move(raw->connection));
      loop.post([&] { victim.reset(); });
    };
    if (where == "data")
      raw->when_data = [&](std::string_view) {
        raw->connection->write("x");
        kill();
      };
    if (where == "drained") raw->when_drained = kill;
    if (where == "closed") raw->when_closed = kill;
    Peer client;
    client.connection = Connection::connect(loop, socket->address(), {}, &client);
    BOOST_REQUIRE(run_until(loop, [&] { return raw->connection != nullptr && client.connected == 1; }));
    client.connection->write("hello");
    if (where == "drained") raw->connection->write("y");
    if (where == "closed") client.connection->close_after_flush();
    BOOST_TEST(run_until(loop, [&] { return victim == nullptr && client.closed.has_value(); }), where);
  }
}

BOOST_AUTO_TEST_CASE(a_thousand_connections_between_two_threads) {
  constexpr std::size_t kConnections = 1'000;
  constexpr int kRounds = 10;
  const auto socket = listen_on_loopback();
  EventLoop server_loop("server");
  std::thread server_thread([&] {
    std::vector<std::unique_ptr<Peer>> peers;
    Acceptor acceptor(server_loop, socket, [&](int fd, const SocketAddress& from) {
      peers.push_back(std::make_unique<Peer>());
      Peer* peer = peers.back().get();
      peer->connection = Connection::adopt(server_loop, fd, from, peer);
      peer->when_data = [peer](std::string_view bytes) { peer->connection->write(bytes); };
    });
    server_loop.run();
  });
  EventLoop loop("client");
  std::vector<std::unique_ptr<Peer>> clients;
  std::size_t done = 0;
  for (std::size_t i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<Peer>());
    Peer* peer = clients.back().get();
    peer->connection = Connection::connect(loop, socket->address(), {}, peer);
    const std::string word = "ping " + std::to_string(i) + "\r\n";
    peer->connection->write(word);
    peer->when_data = [peer, word, &done](std::string_view) {
      if (peer->received.size() == word.size() * kRounds) ++done;
      if (peer->received.size() < word.size() * kRounds && peer->received.size() % word.size() == 0) {
        peer->connection->write(word);
      }
    };
  }
  BOOST_TEST(run_until(loop, [&] { return done == kConnections; }));
  clients.clear();
  server_loop.stop();
  server_thread.join();
}

BOOST_AUTO_TEST_SUITE_END()
