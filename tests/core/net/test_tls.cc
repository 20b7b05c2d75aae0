#include <thread>

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/tls_stream.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::net;
using namespace essaim::test;
using std::chrono::milliseconds;

namespace {

bool handshake(Pair& pair, const std::shared_ptr<TlsClientContext>& context, const std::string& key = "") {
  pair.server.connection->start_tls_server(server_context());
  pair.client.connection->start_tls_client(context, "mx.example", key);
  return run_until(pair.loop, [&] { return pair.client.tls.has_value() && pair.server.tls.has_value(); });
}

// A client that does with OpenSSL what ours never does; its octets go into memory and come from there.
class OddClient {
 public:
  explicit OddClient(EventLoop& loop) : context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_) == 0);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
    server.connection = Connection::adopt(loop, ends_[0], {}, &server);
    server.connection->start_tls_server(server_context());
    BOOST_REQUIRE(run_until(loop, [&] {
      take();
      const bool done = SSL_do_handshake(ssl_) == 1;
      send();
      return done && server.tls.has_value();
    }));
  }
  ~OddClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(ends_[1]);
  }
  OddClient(const OddClient&) = delete;
  OddClient& operator=(const OddClient&) = delete;

  void update_keys(int times, int type = SSL_KEY_UPDATE_NOT_REQUESTED) {
    for (int i = 0; i < times; ++i) {
      BOOST_REQUIRE(SSL_key_update(ssl_, type) == 1);
      BOOST_REQUIRE(SSL_do_handshake(ssl_) == 1);
    }
  }
  void write(std::string_view text) {
    BOOST_REQUIRE(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0);
  }
  // As much as the kernel takes.
  void send() {
    std::string octets(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
    if (octets.empty()) return;
    BIO_read(SSL_get_wbio(ssl_), octets.data(), static_cast<int>(octets.size()));
    [[maybe_unused]] const ssize_t n = ::send(ends_[1], octets.data(), octets.size(), MSG_NOSIGNAL);
  }
  void take() {
    char buffer[16'384];
    const ssize_t got = ::recv(ends_[1], buffer, sizeof buffer, 0);
    if (got > 0) BIO_write(SSL_get_rbio(ssl_), buffer, static_cast<int>(got));
  }
  // What waits in the kernel for the server.
  int unread() const {
    int octets = 0;
    BOOST_REQUIRE(::ioctl(ends_[0], FIONREAD, &octets) == 0);
    return octets;
  }
  Peer server;

 private:
  SSL_CTX* context_;
  SSL* ssl_;
  int ends_[2];
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tls)

BOOST_AUTO_TEST_CASE(carries_large_transfers_both_ways) {
  EventLoop loop("test");
  Pair pair(loop);
  BOOST_REQUIRE(handshake(pair, TlsClientContext::opportunistic()));
  BOOST_TEST(pair.client.connection->tls_active());
  BOOST_TEST(pair.client.tls->version == "TLSv1.3");
  BOOST_TEST(pair.client.tls->cipher == pair.server.tls->cipher);
  BOOST_TEST(!pair.client.tls->resumed);
  const std::string up = pattern(8'000'000, 1);
  const std::string down = pattern(5'000'000, 2);
  const SharedBytes body = share(up);
  for (std::size_t at = 0; at < up.size(); at += 80'000) {  // own and shared pieces of odd sizes
    pair.client.connection->write(std::string_view(up).substr(at, 777));
    pair.client.connection->write_shared(body, at + 777, 80'000 - 777);
  }
  pair.server.connection->write_shared(share(down), 0, down.size());
  BOOST_TEST(run_until(loop, [&] {
    return pair.server.received.size() >= up.size() && pair.client.received.size() >= down.size();
  }));
  BOOST_TEST((pair.server.received == up));
  BOOST_TEST((pair.client.received == down));
  pair.client.connection->close_after_flush();
  BOOST_TEST(run_until(loop, [&] { return pair.both_closed(); }));
  BOOST_TEST((pair.server.closed->code == ErrorCode::kCancelled));
}

BOOST_AUTO_TEST_CASE(a_paused_reader_under_tls_gets_what_openssl_held_back) {
  EventLoop loop("test");
  Pair pair(loop);
  BOOST_REQUIRE(handshake(pair, TlsClientContext::opportunistic()));
  const std::string bytes = pattern(4'000'000);
  // Paused after every piece: bytes that wait inside OpenSSL have no event to announce them.
  Timer resume(loop, [&] { pair.server.connection->resume_reading(); });
  pair.server.when_data = [&](std::string_view) {
    pair.server.connection->pause_reading();
    resume.start(milliseconds(1));
  };
  pair.client.connection->write(bytes);
  BOOST_TEST(run_until(loop, [&] { return pair.server.received.size() == bytes.size(); }));
  BOOST_TEST((pair.server.received == bytes));
}

BOOST_AUTO_TEST_CASE(writes_queued_around_start_tls_go_out_before_and_after_the_handshake) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.client.when_data = [&](std::string_view bytes) {
    if (bytes != "220 go\r\n") return;
    pair.client.connection->start_tls_client(TlsClientContext::opportunistic(), "", "");
    pair.client.connection->write("EHLO again\r\n");
  };
  pair.server.when_data = [&](std::string_view bytes) {
    if (bytes != "STARTTLS\r\n") return;
    pair.server.connection->write("220 go\r\n");
    pair.server.connection->start_tls_server(server_context());
  };
  pair.client.connection->write("STARTTLS\r\n");
  BOOST_TEST(run_until(loop, [&] { return pair.server.received == "STARTTLS\r\nEHLO again\r\n"; }));
  BOOST_TEST(pair.server.tls.has_value());
}

BOOST_AUTO_TEST_CASE(clear_bytes_injected_behind_starttls_are_never_delivered) {
  EventLoop loop("test");
  Pair pair(loop);
  // The server does not look at its input while the injected command arrives, as when it waits for a policy.
  pair.server.when_data = [&](std::string_view) { pair.server.connection->pause_reading(); };
  pair.client.connection->write("STARTTLS\r\n");
  BOOST_REQUIRE(run_until(loop, [&] { return pair.server.received == "STARTTLS\r\n"; }));
  pair.client.connection->write("RSET\r\nMAIL FROM:<evil@x>\r\n");
  run_for(loop, milliseconds(30));
  pair.server.when_data = nullptr;
  pair.client.when_data = [&](std::string_view) {
    pair.client.connection->start_tls_client(TlsClientContext::opportunistic(), "", "");
    pair.client.connection->write("EHLO x\r\n");
  };
  pair.server.connection->write("220 go\r\n");
  pair.server.connection->start_tls_server(server_context());
  pair.server.connection->resume_reading();
  BOOST_TEST(run_until(loop, [&] { return pair.server.received.size() > 10; }));
  run_for(loop, milliseconds(20));
  BOOST_TEST(pair.server.received == "STARTTLS\r\nEHLO x\r\n");
}

BOOST_AUTO_TEST_CASE(clear_bytes_instead_of_a_handshake_end_the_connection) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.server.connection->start_tls_server(server_context());
  pair.client.connection->write("EHLO in clear\r\nMAIL FROM:<a@b>\r\n");
  BOOST_TEST(run_until(loop, [&] { return pair.server.closed.has_value(); }));
  BOOST_TEST(pair.server.during_tls);
  BOOST_TEST((pair.server.closed->code == ErrorCode::kInvalid));
  BOOST_TEST(pair.server.received.empty());
  BOOST_TEST(pair.server.closed->message.find("TLS handshake with 127.0.0.1:") == 0U);
}

BOOST_AUTO_TEST_CASE(a_client_whose_server_answers_in_clear_may_try_again_without_tls) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.server.when_data = [&](std::string_view) {
    pair.server.connection->write("454 no TLS after all\r\n");
  };
  pair.client.connection->start_tls_client(TlsClientContext::opportunistic(), "mx.example", "key");
  BOOST_TEST(run_until(loop, [&] { return pair.client.closed.has_value(); }));
  BOOST_TEST(pair.client.during_tls);
  BOOST_TEST((pair.client.closed->code == ErrorCode::kInvalid));
  BOOST_TEST(pair.client.received.empty());
}

// Whether the first message of a client that connects to `name` has SNI.
bool says_name(const std::string& name) {
  int ends[2];
  BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  bool said = false;
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_client_hello_cb(
      context,
      [](SSL* ssl, int*, void* out) {
        const unsigned char* bytes = nullptr;
        std::size_t size = 0;
        *static_cast<bool*>(out) =
            SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) == 1;
        return SSL_CLIENT_HELLO_SUCCESS;
      },
      &said);
  SSL* server = SSL_new(context);
  SSL_set_fd(server, ends[1]);
  const auto client = TlsStream::client(ends[0], TlsClientContext::opportunistic(), name, "");
  BOOST_TEST((client->handshake() == TlsStream::Io::kWantRead));
  BOOST_TEST(SSL_accept(server) != 1);  // it has no certificate
  SSL_free(server);
  SSL_CTX_free(context);
  ::close(ends[0]);
  ::close(ends[1]);
  return said;
}

BOOST_AUTO_TEST_CASE(a_host_is_named_and_an_address_is_not) {
  BOOST_TEST(says_name("mx.example"));
  for (const char* none : {"", "192.0.2.1", "2001:db8::1", "[127.0.0.1]", "[IPv6:2001:db8::1]"})
    BOOST_TEST(!says_name(none), none);
}

BOOST_AUTO_TEST_CASE(a_peer_that_leaves_during_the_handshake_is_a_failure_of_tls) {
  EventLoop loop("test");
  Pair pair(loop);
  pair.client.connection->start_tls_client(TlsClientContext::opportunistic(), "mx.example", "key");
  pair.server.when_data = [&](std::string_view) { pair.server.connection->close_after_flush(); };
  BOOST_TEST(run_until(loop, [&] { return pair.client.closed.has_value(); }));
  BOOST_TEST(pair.client.during_tls);
  BOOST_TEST((pair.client.closed->code == ErrorCode::kTemporary));
}

// CVE-2026-45185, CVE-2020-28018: close_notify in the midst of a body, then clear text on the same
// descriptor.
BOOST_AUTO_TEST_CASE(clear_text_after_close_notify_is_never_delivered) {
  EventLoop loop("test");
  const auto socket = listen_on_loopback();
  Peer server;
  Acceptor acceptor(loop, socket, [&](int fd, const SocketAddress& from) {
    server.connection = Connection::adopt(loop, fd, from, &server);
    server.connection->start_tls_server(server_context());
  });
  Peer client;
  client.connection = Connection::connect(loop, socket->address(), {}, &client);
  BOOST_REQUIRE(run_until(loop, [&] { return client.connected == 1; }));
  // Our own copy of the client's descriptor outlives the TLS part of the connection.
  int copy = -1;
  for (int fd = 3; fd < 256 && copy < 0; ++fd) {
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) == 0 &&
        SocketAddress(reinterpret_cast<sockaddr*>(&local), length) == client.connection->local()) {
      copy = ::dup(fd);
    }
  }
  BOOST_REQUIRE(copy >= 0);
  client.connection->start_tls_client(TlsClientContext::opportunistic(), "", "");
  client.connection->write("DATA half a body");
  BOOST_REQUIRE(run_until(loop, [&] { return server.received == "DATA half a body"; }));
  client.connection.reset();  // sends close_notify; the descriptor lives on in the copy
  [[maybe_unused]] const ssize_t n = ::send(copy, "\r\n.\r\nMAIL FROM:<x@y>\r\n", 22, MSG_NOSIGNAL);
  BOOST_TEST(run_until(loop, [&] { return server.closed.has_value(); }));
  BOOST_TEST(server.received == "DATA half a body");
  BOOST_TEST((server.closed->code == ErrorCode::kCancelled));
  ::close(copy);
}

// Each of them costs a hundred times what its octets would cost as data, and OpenSSL's read returns for none.
BOOST_AUTO_TEST_CASE(a_flood_of_key_updates_holds_no_turn_up_and_ends_the_connection) {
  EventLoop loop("test");
  OddClient client(loop);
  run_for(loop, milliseconds(5));
  client.update_keys(20'000);
  client.send();
  BOOST_REQUIRE(client.unread() > 100'000);
  loop.run_turn();
  BOOST_TEST(client.unread() > 50'000);
  BOOST_TEST(run_until(loop, [&] { return client.server.closed.has_value(); }));
  BOOST_TEST(client.server.closed->message.find("too many handshake messages") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(key_updates_among_data_do_no_harm) {
  EventLoop loop("test");
  OddClient client(loop);
  std::string sent;
  for (const int type : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
    for (int round = 0; round < 20; ++round) {
      client.update_keys(30, type);
      client.write("NOOP\r\n");
      sent += "NOOP\r\n";
      client.send();
      client.server.connection->write("250 ok\r\n");
      BOOST_REQUIRE(run_until(loop, [&] { return client.server.received == sent; }));
      client.take();
    }
  }
  BOOST_TEST(!client.server.closed.has_value());
}

BOOST_AUTO_TEST_CASE(a_second_connection_resumes_the_session_of_the_first) {
  EventLoop loop("test");
  const auto context = TlsClientContext::opportunistic();
  for (int round = 0; round < 3; ++round) {
    Pair pair(loop);
    BOOST_REQUIRE(handshake(pair, context, "mx.example:25"));
    BOOST_TEST(pair.client.tls->resumed == (round > 0));
    BOOST_TEST(pair.server.tls->resumed == (round > 0));
    pair.server.connection->write("250 ok\r\n");  // the ticket of TLS 1.3 comes with or before it
    BOOST_REQUIRE(run_until(loop, [&] { return pair.client.received == "250 ok\r\n"; }));
  }
  Pair other(loop);
  BOOST_REQUIRE(handshake(other, context, "another.example:25"));
  BOOST_TEST(!other.client.tls->resumed);
}

BOOST_AUTO_TEST_CASE(a_handshake_gives_what_a_login_can_be_bound_to) {
  EventLoop loop("test");
  const auto context = TlsClientContext::opportunistic();
  const X509* certificate = SSL_CTX_get0_certificate(server_context()->raw());
  unsigned char digest[32];
  BOOST_REQUIRE(X509_digest(certificate, EVP_sha256(), digest, nullptr) == 1);
  const std::string end_point(reinterpret_cast<const char*>(digest), sizeof digest);
  std::string first;
  for (const bool resumed : {false, true}) {
    Pair pair(loop);
    BOOST_REQUIRE(handshake(pair, context, "mx"));
    const TlsInfo& info = *pair.server.tls;
    BOOST_TEST(info.resumed == resumed);
    BOOST_TEST(info.exporter.size() == 32u);
    BOOST_TEST(info.unique == "");
    BOOST_TEST(info.exporter != first);
    BOOST_TEST(info.end_point == (resumed ? "" : end_point));
    first = info.exporter;
    pair.server.connection->write("x");
    BOOST_TEST(run_until(loop, [&] { return pair.client.received == "x"; }));  // the tickets have come, too
    pair.client.connection->close_after_flush();
    BOOST_TEST(run_until(loop, [&] { return pair.both_closed(); }));
  }
}

BOOST_AUTO_TEST_CASE(only_so_many_sessions_are_kept_the_oldest_goes_first) {
  EventLoop loop("test");
  const auto context = TlsClientContext::opportunistic(2);
  for (const std::string key : {"a", "b", "c"}) {
    Pair pair(loop);
    BOOST_REQUIRE(handshake(pair, context, key));
    pair.server.connection->write("x");
    BOOST_REQUIRE(run_until(loop, [&] { return !pair.client.received.empty(); }));
  }
  BOOST_TEST((context->session_for("a") == nullptr));
  for (const std::string key : {"b", "c"}) {
    ssl_session_st* session = context->session_for(key);
    BOOST_TEST((session != nullptr));
    context->remember(key + "2", session);
  }
  context->forget("c2");
  BOOST_TEST((context->session_for("c2") == nullptr));
}

BOOST_AUTO_TEST_CASE(a_bad_certificate_file_is_named_with_the_reason) {
  const TempDir dir;
  const std::string one = make_certificate_pem();
  const std::string two = make_certificate_pem();
  const std::size_t key_one = one.find("-----BEGIN PRIVATE");
  const std::size_t key_two = two.find("-----BEGIN PRIVATE");
  struct Row {
    const char* file;
    std::string content;
    const char* reason;
  };
  for (const Row& row : {Row{"empty.pem", "", "certificate"},
                         {"nokey.pem", one.substr(0, key_one), "private key"},
                         {"mixed.pem", one.substr(0, key_one) + two.substr(key_two), "key"},
                         {"junk.pem", "junk", "certificate"}}) {
    const auto context = TlsServerContext::load({{dir.write(row.file, row.content)}, {}});
    BOOST_REQUIRE(!context.ok());
    BOOST_TEST(context.error().message.find(row.file) != std::string::npos);
    BOOST_TEST(context.error().message.find(row.reason) != std::string::npos);
  }
  const std::string absent = dir.path("absent.pem");
  const auto context = TlsServerContext::load({{absent}, {}});
  BOOST_REQUIRE(!context.ok());
  BOOST_TEST(context.error().message == absent + ": cannot use the certificate: No such file or directory");
}

BOOST_AUTO_TEST_CASE(handshakes_on_two_threads_share_the_contexts) {
  const auto socket = listen_on_loopback();
  const auto context = TlsClientContext::opportunistic();
  EventLoop server_loop("server");
  const auto server = server_context();
  std::thread server_thread([&] {
    std::vector<std::unique_ptr<Peer>> peers;
    Acceptor acceptor(server_loop, socket, [&](int fd, const SocketAddress& from) {
      peers.push_back(std::make_unique<Peer>());
      Peer* peer = peers.back().get();
      peer->connection = Connection::adopt(server_loop, fd, from, peer);
      peer->connection->start_tls_server(server);
      peer->when_data = [peer](std::string_view bytes) { peer->connection->write(bytes); };
    });
    server_loop.run();
  });
  const auto client_side = [&](std::size_t* done) {
    EventLoop loop("client");
    for (int i = 0; i < 50; ++i) {
      Peer peer;
      peer.connection = Connection::connect(loop, socket->address(), {}, &peer);
      if (!run_until(loop, [&] { return peer.connected == 1; })) return;
      peer.connection->start_tls_client(context, "mx.example", "shared key");
      peer.connection->write("echo");
      if (!run_until(loop, [&] { return peer.received == "echo"; })) return;
      ++*done;
    }
  };
  std::size_t one = 0;
  std::size_t two = 0;
  std::thread second([&] { client_side(&two); });
  client_side(&one);
  second.join();
  server_loop.stop();
  server_thread.join();
  BOOST_TEST(one == 50U);
  BOOST_TEST(two == 50U);
}

BOOST_AUTO_TEST_SUITE_END()
