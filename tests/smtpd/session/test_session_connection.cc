// Sessions over real sockets on loopback: what the glue adds to the machine.
#include <map>
#include <mutex>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "smtpd/session/session_connection.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::test;
using std::chrono::milliseconds;

namespace {

// Decides on another thread, as the real one does; may be told to hold its answers back.
class ThreadedIntake final : public smtpd::Intake {
 public:
  void check_recipient(const smtpd::TransactionInfo&, const smtp::Address& recipient,
                       std::function<void(smtpd::RecipientAnswer)> done) override {
    const bool known = recipient.local != "nobody";
    later([done = std::move(done), known] {
      done({known ? smtp::reply(250, "2.1.5", "OK") : smtp::reply(550, "5.1.1", "No such list"), nullptr, 0});
    });
  }
  void submit(std::unique_ptr<smtpd::IncomingMessage> message,
              std::function<void(smtp::Reply)> done) override {
    std::shared_ptr<smtpd::IncomingMessage> shared = std::move(message);
    later([this, shared, done = std::move(done)] {
      content = shared->content->read_all().value();
      tls = shared->transaction.client.tls;
      ++stored;
      done(smtp::reply(250, "2.0.0", "queued as " + format_id(shared->transaction.post_id)));
    });
  }
  void release() {
    for (auto& task : held) executor.submit(std::move(task));
    held.clear();
  }

  bool hold = false;
  std::vector<std::function<void()>> held;
  std::string content;  // read by the test after the reply has come
  bool tls = false;
  std::atomic<int> stored{0};
  Executor executor{"intake", 1};

 private:
  void later(std::function<void()> task) {
    if (hold) {
      held.push_back(std::move(task));
    } else {
      executor.submit(std::move(task));
    }
  }
};

struct Server {
  Server() {
    environment->settings.hostname = "mx.test";
    environment->intake = &intake;
    environment->budget = &budget;
    environment->ids = &ids;
    environment->clock = &system_clock();
  }
  ~Server() { intake.executor.stop(); }

  void start() {
    acceptor = std::make_unique<net::Acceptor>(loop, socket, [this](int fd, const net::SocketAddress& peer) {
      auto session = std::make_unique<smtpd::SessionConnection>(
          loop, fd, smtpd::Origin{peer, "localhost", proxy, check}, environment,
          [this](smtpd::SessionConnection* ended) {
            auto node = sessions.extract(ended);
            BOOST_REQUIRE(!node.empty());
            loop.destroy_later(std::move(node.mapped()));
            ++finished;
          },
          [this](char direction, std::string_view line) {
            trace += std::string(1, direction) + ": " + std::string(line) + "\n";
          });
      smtpd::SessionConnection* key = session.get();
      sessions.emplace(key, std::move(session));
    });
  }

  void connect(Peer* peer) { peer->connection = net::Connection::connect(loop, socket->address(), {}, peer); }
  bool until(const std::function<bool()>& condition) { return run_until(loop, condition); }
  bool says(Peer& peer, const std::string& text) {
    return until([&] { return peer.received.find(text) != std::string::npos; });
  }
  std::string logged() {
    const std::lock_guard lock(log_mutex);
    return lines;
  }

  std::mutex log_mutex;
  std::string lines;
  log::Capture capture{[this](log::Level level, std::string_view line) {
    const std::lock_guard lock(log_mutex);
    lines += std::string(line) + "\n";
    if (level >= log::Level::kWarning) warnings += std::string(line) + "\n";
  }};
  std::string warnings;
  net::EventLoop loop{"test"};
  ThreadedIntake intake;
  smtp::MemoryBudget budget{10'000'000};
  IdGenerator ids{system_clock(), 1};
  std::shared_ptr<smtpd::SessionEnvironment> environment = std::make_shared<smtpd::SessionEnvironment>();
  std::shared_ptr<net::ListenSocket> socket = listen_on_loopback();
  std::map<smtpd::SessionConnection*, std::unique_ptr<smtpd::SessionConnection>> sessions;
  std::unique_ptr<net::Acceptor> acceptor;
  std::string trace;
  int finished = 0;
  net::SocketAddress proxy;
  bool check = false;
};

const std::string kEnvelope =
    "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@l.example>\r\nRCPT TO:<dev@l.example>\r\nDATA\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(session_connection)

BOOST_AUTO_TEST_CASE(a_message_comes_over_a_socket_and_the_log_tells_of_it) {
  Server server;
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 mx.test"));
  client.connection->write("EHLO client.example\r\n" + kEnvelope);
  BOOST_REQUIRE(server.says(client, "354 "));
  const std::string line = std::string(70, 'x') + "\r\n";
  std::string body;
  while (body.size() < 3'000'000) body += line;
  client.connection->write(body + ".\r\nQUIT\r\n");
  BOOST_REQUIRE(server.says(client, "221 2.0.0"));
  BOOST_REQUIRE(server.until([&] { return server.finished == 1 && client.closed.has_value(); }));
  BOOST_TEST(server.intake.stored == 1);
  BOOST_TEST((server.intake.content == body));
  BOOST_TEST(server.budget.used() == 0U);
  const std::string log = server.logged();
  for (const char* part :
       {"connect", "client=localhost[127.0.0.1]", "reject", "to=<nobody@l.example>", "550 5.1.1 No such list",
        "received", "from=<a@b.example>", "helo=client.example", "recipients=1", "disconnect",
        "ehlo=1 mail=1 rcpt=1/2 data=1 quit=1 commands=5/6"}) {
    BOOST_TEST(log.find(part) != std::string::npos, part << " is not in\n" << log);
  }
  BOOST_TEST(server.warnings == "");
  BOOST_TEST(server.trace.find("C: RCPT TO:<nobody@l.example>\nS: 550 5.1.1 No such list\n") !=
             std::string::npos);
  BOOST_TEST(server.trace.find("<message of ") != std::string::npos);
  BOOST_TEST(server.trace.size() < 2'000U);
}

BOOST_AUTO_TEST_CASE(a_message_comes_under_tls) {
  Server server;
  server.environment->tls = server_context();
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 mx.test"));
  client.connection->write("EHLO x\r\n");
  BOOST_REQUIRE(server.says(client, "250 STARTTLS"));
  client.connection->write("STARTTLS\r\n");
  BOOST_REQUIRE(server.says(client, "220 2.0.0"));
  client.received.clear();
  client.connection->start_tls_client(net::TlsClientContext::opportunistic(), "mx.test", "");
  BOOST_REQUIRE(server.until([&] { return client.tls.has_value(); }));
  client.connection->write("EHLO x\r\n" + kEnvelope);
  BOOST_REQUIRE(server.says(client, "354 "));
  BOOST_TEST(client.received.find("STARTTLS") == std::string::npos);
  client.connection->write("x\r\n.\r\n");
  BOOST_REQUIRE(server.says(client, "250 2.0.0 queued as "));
  BOOST_TEST(server.intake.tls);
  BOOST_TEST(server.logged().find("tls=\"TLSv1.3") != std::string::npos);
  // Row 4: an end of TLS inside DATA ends the connection; nothing in clear is taken after it.
  client.connection->write(kEnvelope);
  client.received.clear();
  BOOST_REQUIRE(server.says(client, "354 "));
  client.connection->write("half a mess");
  client.connection->close_after_flush();
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
  BOOST_TEST(server.intake.stored == 1);
}

BOOST_AUTO_TEST_CASE(clear_text_behind_starttls_never_becomes_a_command) {
  Server server;
  server.environment->tls = server_context();
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 mx.test"));
  client.connection->write("STARTTLS\r\nEHLO injected\r\nMAIL FROM:<injected@x>\r\n");
  BOOST_REQUIRE(server.says(client, "220 2.0.0"));
  client.received.clear();
  client.connection->start_tls_client(net::TlsClientContext::opportunistic(), "mx.test", "");
  BOOST_REQUIRE(server.until([&] { return client.tls.has_value(); }));
  client.connection->write("MAIL FROM:<a@b>\r\n");
  BOOST_REQUIRE(server.says(client, "503 5.5.1"));
  BOOST_TEST(client.received.find("250") == std::string::npos);
  BOOST_TEST(server.warnings.find("octets-behind-starttls") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_failed_handshake_ends_the_session) {
  Server server;
  server.environment->tls = server_context();
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 mx.test"));
  client.connection->write("STARTTLS\r\n");
  BOOST_REQUIRE(server.says(client, "220 2.0.0"));
  client.connection->write("MAIL FROM:<a@b>\r\n");
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
  BOOST_TEST(server.warnings.find("tls-failed") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(answers_that_come_after_the_client_or_the_session_has_gone_are_dropped) {
  for (const bool by_client : {true, false}) {
    Server server;
    server.intake.hold = true;
    server.start();
    Peer client;
    server.connect(&client);
    client.connection->write("HELO x\r\n" + kEnvelope);
    BOOST_REQUIRE(server.until([&] { return !server.intake.held.empty(); }));
    // With replies unread, so that it is a reset.
    by_client ? client.connection.reset() : server.sessions.clear();
    BOOST_REQUIRE(server.until([&] { return server.sessions.empty(); }));
    server.intake.release();
    server.intake.executor.stop();
    run_for(server.loop, milliseconds(20));
    BOOST_TEST(server.trace.find("S: 550 5.1.1") == std::string::npos);
    BOOST_TEST(server.budget.used() == 0U);
  }
}

// As Exim does it: the last chunk, QUIT and the end of its side in one go.
BOOST_AUTO_TEST_CASE(a_client_that_has_shut_down_its_side_gets_what_it_is_owed) {
  const struct {
    const char* last;
    const char* log;
    int stored;
  } rows[] = {
      {"BDAT 11 LAST\r\nFrom: x\r\n\r\nQUIT\r\n", "quit=1", 1},
      {"BDAT 11 LAST\r\nFrom: x\r\n\r\n", "lost", 1},
      {"NOOP\r\n", "lost", 0},
      {"DATA\r\n", "lost", 0},
      {"BDAT 11 LAST\r\nFrom", "lost", 0},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.last) {
      Server server;
      server.intake.hold = true;
      server.start();
      std::string got;
      std::atomic<bool> ended{false};
      std::thread client([&] {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        ESSAIM_CHECK(::connect(fd, server.socket->address().raw(), server.socket->address().raw_length()) ==
                     0);
        char buffer[4096];
        ESSAIM_CHECK(::recv(fd, buffer, sizeof buffer, 0) > 0);  // the greeting
        const std::string all = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dev@l>\r\n" + std::string(row.last);
        ESSAIM_CHECK(::send(fd, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size()));
        ::shutdown(fd, SHUT_WR);
        for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
          got.append(buffer, static_cast<std::size_t>(n));
        ::close(fd);
        ended = true;
      });
      BOOST_TEST(server.until([&] { return !server.intake.held.empty(); }));
      run_for(server.loop, milliseconds(20));  // the end of its side is seen while the answer is under way
      server.intake.hold = false;
      server.intake.release();
      BOOST_TEST(server.until([&] { return server.finished == 1 && ended; }));
      client.join();
      BOOST_TEST(got.find("250 2.1.5 OK\r\n") != std::string::npos, got);
      BOOST_TEST(server.intake.stored == row.stored);
      BOOST_TEST((got.find("queued as") != std::string::npos) == (row.stored == 1));
      BOOST_TEST(server.logged().find(row.log) != std::string::npos, server.logged());
      BOOST_TEST(server.sessions.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_never_comes_has_a_deadline) {
  Server server;
  server.intake.hold = true;
  server.environment->settings.limits.answer_deadline = milliseconds(30);
  server.start();
  Peer client;
  server.connect(&client);
  client.connection->write("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dev@l>\r\n");
  BOOST_REQUIRE(server.says(client, "451 4.3.0"));
}

BOOST_AUTO_TEST_CASE(a_silent_client_is_told_and_closed) {
  Server server;
  server.environment->settings.limits.command_deadline = milliseconds(30);
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "421 4.4.2"));
  BOOST_REQUIRE(server.until([&] { return server.finished == 1 && client.closed.has_value(); }));
}

BOOST_AUTO_TEST_CASE(a_peer_that_reads_nothing_is_not_waited_for) {
  std::string flood = "HELO x\r\nMAIL FROM:<a@b>\r\n";
  for (int i = 0; i < 300'000; ++i) flood += "RCPT TO:<dev@l>\r\n";
  Server server;
  server.environment->settings.limits.command_deadline = milliseconds(400);
  server.environment->settings.limits.close_deadline = milliseconds(50);
  server.environment->settings.limits.max_rcpt_commands = 100'000'000;
  server.start();
  const int size = 4'096;
  ::setsockopt(server.socket->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 "));
  client.connection->pause_reading();
  client.connection->write(flood);
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
  BOOST_TEST(server.logged().find("stalled") != std::string::npos, server.logged());
}

BOOST_AUTO_TEST_CASE(resets_and_cuts_in_every_state_free_the_session_once) {
  for (const std::string& sent : {std::string(), std::string("HELO x\r\n"), "HELO x\r\n" + kEnvelope,
                                  "HELO x\r\n" + kEnvelope + "x\r\n", std::string("STARTTLS\r\n")}) {
    for (const bool by_client : {true, false}) {
      Server server;
      server.environment->tls = server_context();
      server.start();
      Peer client;
      server.connect(&client);
      BOOST_REQUIRE(server.says(client, "220 "));
      if (!sent.empty()) client.connection->write(sent);
      run_for(server.loop, milliseconds(10));
      if (by_client) {
        client.connection.reset();
        BOOST_TEST(server.until([&] { return server.finished == 1; }));
      } else {
        server.sessions.clear();
        BOOST_TEST(server.until([&] { return client.closed.has_value(); }));
      }
      BOOST_TEST(server.logged().find("disconnect") != std::string::npos);
      BOOST_TEST(server.budget.used() == 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_shutdown_says_421) {
  Server server;
  server.start();
  Peer client;
  server.connect(&client);
  BOOST_REQUIRE(server.says(client, "220 "));
  server.sessions.begin()->second->shut_down();
  BOOST_REQUIRE(server.says(client, "421 4.3.2"));
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
}

BOOST_AUTO_TEST_CASE(an_end_of_tls_or_of_the_connection_within_a_chunk_is_a_disconnect) {
  for (const bool tls : {true, false}) {
    Server server;
    server.environment->tls = server_context();
    server.start();
    Peer client;
    server.connect(&client);
    BOOST_REQUIRE(server.says(client, "220 mx.test"));
    if (tls) {
      client.connection->write("STARTTLS\r\n");
      BOOST_REQUIRE(server.says(client, "220 2.0.0"));
      client.connection->start_tls_client(net::TlsClientContext::opportunistic(), "mx.test", "");
      BOOST_REQUIRE(server.until([&] { return client.tls.has_value(); }));
    }
    client.connection->write(
        "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<dev@l>\r\nBDAT 100 LAST\r\nhalf a message");
    BOOST_REQUIRE(server.says(client, "250 2.1.5"));
    client.connection->close_after_flush();
    BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
    BOOST_TEST(server.intake.stored == 0);
    BOOST_TEST(server.budget.used() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_the_guard_refuses_is_told_and_closed) {
  smtpd::guard::GuardSettings settings;
  settings.exempt.clear();
  settings.client.max_connections = 1;
  smtpd::guard::Guard guard(settings, "mx.test", system_clock());
  Server server;
  server.environment->guard = &guard;
  server.start();
  {
    Peer first, second;
    server.connect(&first);
    BOOST_REQUIRE(server.says(first, "220 mx.test"));
    server.connect(&second);
    BOOST_REQUIRE(
        server.says(second, "421 4.7.0 mx.test Too many connections at the same time from your address"));
    BOOST_REQUIRE(server.until([&] { return server.finished == 1 && second.closed.has_value(); }));
    BOOST_TEST(second.received.find("220") == std::string::npos);
    BOOST_TEST(guard.connections() == 1U);
    first.connection->write("QUIT\r\n");
    BOOST_REQUIRE(server.until([&] { return server.finished == 2; }));
    BOOST_TEST(guard.connections() == 0U);
  }
  Peer third;
  server.connect(&third);
  BOOST_REQUIRE(server.says(third, "220 mx.test"));
  server.sessions.clear();  // cut
  BOOST_TEST(guard.connections() == 0U);
  const std::string log = server.logged();
  BOOST_TEST(log.find("command=CONNECT") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_guard_limits_mail_and_remembers_errors_and_junk) {
  smtpd::guard::GuardSettings settings;
  settings.exempt.clear();
  settings.client.messages = {1, std::chrono::minutes(10)};
  settings.client.recipients = {2, std::chrono::minutes(10)};
  settings.client.errors = {3, std::chrono::minutes(10)};
  settings.client.junk = {1, std::chrono::minutes(10)};
  smtpd::guard::Guard guard(settings, "mx.test", system_clock());
  Server server;
  server.environment->guard = &guard;
  server.start();
  Peer client, second, third;
  server.connect(&client);
  client.connection->write(
      "HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@l>\r\nRCPT TO:<2@l>\r\nRCPT TO:<3@l>\r\nRSET\r\n"
      "MAIL FROM:<a@b>\r\n");
  BOOST_REQUIRE(server.says(client, "421 4.7.0 mx.test Too many messages in a short time"));
  BOOST_TEST(client.received.find("450 4.7.1 Too many recipients") != std::string::npos);
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
  server.connect(&second);
  second.connection->write("GET / HTTP/1.1\r\n");
  BOOST_REQUIRE(server.says(second, "554 5.5.1"));
  server.connect(&third);
  BOOST_REQUIRE(server.says(third, "421 4.7.0 mx.test Too many errors of late from your address"));
}

BOOST_AUTO_TEST_CASE(what_comes_from_ourselves_is_not_limited_and_needs_room_on_the_disk) {
  smtpd::guard::GuardSettings settings;
  settings.exempt.clear();
  settings.client.max_connections = 1;
  settings.client.messages = {1, std::chrono::minutes(10)};
  settings.min_free_octets = 1'000;
  for (const double left : {1'000.0, 999.0}) {
    smtpd::guard::Guard guard(settings, "mx.test", system_clock(), nullptr, nullptr, [left] { return left; });
    Server server;
    server.environment->role = smtpd::ListenerRole::kOurselves;
    server.environment->guard = &guard;
    server.start();
    Peer first, second;
    server.connect(&first);
    server.connect(&second);
    BOOST_REQUIRE(server.says(first, "220 ") && server.says(second, "220 "));
    BOOST_TEST(guard.connections() == 0U);
    first.connection->write("HELO x\r\nMAIL FROM:<a@b>\r\nRSET\r\nMAIL FROM:<a@b>\r\nRSET\r\nQUIT\r\n");
    BOOST_REQUIRE(server.says(first, "221 "));
    BOOST_TEST((first.received.find("452 4.3.1 Insufficient system storage") != std::string::npos) ==
               (left < 1'000));
    BOOST_TEST((first.received.find("421") == std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(under_stress_the_idle_leave_soon_and_those_at_work_are_served) {
  std::atomic<double> descriptors{0};
  smtpd::guard::GuardSettings settings;
  smtpd::guard::Guard guard(settings, "mx.test", system_clock(), nullptr, [&] { return descriptors.load(); });
  Server server;
  server.environment->settings.limits.stress_deadline = milliseconds(60);
  server.environment->guard = &guard;
  server.start();
  Peer idle, busy;
  server.connect(&idle);
  server.connect(&busy);
  BOOST_REQUIRE(server.says(idle, "220 ") && server.says(busy, "220 "));
  // Several slices pass without stress.
  run_for(server.loop, milliseconds(200));
  BOOST_TEST(server.finished == 0);
  busy.connection->write("HELO x\r\n" + kEnvelope);
  BOOST_REQUIRE(server.says(busy, "354 "));
  server.intake.hold = true;
  busy.connection->write("x\r\n.\r\n");
  BOOST_REQUIRE(server.until([&] { return !server.intake.held.empty(); }));
  descriptors = 0.9;  // seen within a second
  BOOST_REQUIRE(server.says(idle, "421 4.4.2"));
  BOOST_REQUIRE(server.until([&] { return server.finished == 1; }));
  server.intake.release();
  BOOST_REQUIRE(server.says(busy, "250 2.0.0 queued as "));
}

BOOST_AUTO_TEST_SUITE_END()
