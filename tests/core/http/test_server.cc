// The server over sockets: what clients do, good and bad ones.
#include "core/base/log.h"
#include "core/http/server.h"
#include "tests/core/net/peer.h"

using namespace essaim;
using namespace essaim::http;
using namespace essaim::test;
using std::chrono::milliseconds;

namespace {

struct Site {
  explicit Site(ServerSettings s = {}) : settings(std::move(s)) {
    routes.add("GET", "/hello", [](const ServerRequest& request, const Respond& respond) {
      ServerResponse response;
      response.body = "hello " + request.client + " " + request.query + "\n";
      respond(std::move(response));
    });
    routes.add("POST", "/echo", [](const ServerRequest& request, const Respond& respond) {
      ServerResponse response;
      response.body = request.body;
      respond(std::move(response));
      respond(error_response(500, "a second answer"));
    });
    routes.add("POST", "/secret/*", [](const ServerRequest&, const Respond& respond) { respond({}); });
    routes.add("GET", "/later",
               [this](const ServerRequest&, Respond respond) { held.push_back(std::move(respond)); });
    routes.add("GET", "/large", [](const ServerRequest&, const Respond& respond) {
      ServerResponse response;
      response.body = std::string(20'000'000, 'x');
      respond(std::move(response));
    });
    server = std::make_unique<Server>(loop, settings, routes);
    acceptor = std::make_unique<net::Acceptor>(loop, socket, [this](int fd, const net::SocketAddress&) {
      server->adopt(fd, net::SocketAddress::from_ip(client, 4660).value());
      ++adopted;
    });
  }
  // `from`: where the server sees it come from.
  std::unique_ptr<Peer> connect(const std::string& from = "127.0.0.1") {
    client = from;
    const int before = adopted;
    auto peer = std::make_unique<Peer>();
    peer->connection = net::Connection::connect(loop, socket->address(), {}, peer.get());
    BOOST_REQUIRE(run_until(loop, [&] { return peer->connected == 1 && adopted > before; }));
    return peer;
  }
  bool says(const Peer& peer, const std::string& text) {
    return run_until(loop, [&] { return peer.received.find(text) != std::string::npos || peer.closed; }) &&
           peer.received.find(text) != std::string::npos;
  }
  bool closed(const Peer& peer) {
    return run_until(loop, [&] { return peer.closed.has_value(); });
  }
  // One request on a connection of its own; all that came.
  std::string ask(const std::string& request) {
    const auto peer = connect();
    peer->connection->write(request);
    BOOST_TEST(closed(*peer));
    return peer->received;
  }

  std::string log;
  log::Capture capture{[this](log::Level, std::string_view line) { log += std::string(line) + "\n"; }};
  net::EventLoop loop{"test"};
  ServerSettings settings;
  Routes routes;
  std::vector<Respond> held;
  std::string client;
  int adopted = 0;
  std::shared_ptr<net::ListenSocket> socket = listen_on_loopback();
  std::unique_ptr<Server> server;
  std::unique_ptr<net::Acceptor> acceptor;
};

std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

const std::string kClose = "Connection: close\r\n";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_server)

BOOST_AUTO_TEST_CASE(a_request_is_answered_and_logged_without_its_query) {
  Site site;
  const std::string answer = site.ask(get("/hello?token", kClose + "User-Agent: tester\r\n"));
  for (const char* part :
       {"HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 22\r\n", "\r\nDate: ", " GMT\r\n",
        "\r\nCache-Control: no-store\r\n", "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nContent-Security-Policy: default-src 'none'", "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nConnection: close\r\n", "\r\n\r\nhello 127.0.0.1 token\n"})
    BOOST_TEST(answer.find(part) != std::string::npos, part << " is not in\n" << answer);
  BOOST_TEST(
      site.log.find("http client=127.0.0.1 method=GET path=/hello status=200 octets=22") != std::string::npos,
      site.log);
  BOOST_TEST(site.log.find("agent=tester") != std::string::npos);
  BOOST_TEST(site.log.find("token") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_connection_is_kept_for_requests_that_follow) {
  Site site;
  const auto peer = site.connect();
  peer->connection->write(get("/hello?1") + get("/hello?2"));  // at once
  BOOST_TEST(site.says(*peer, "hello 127.0.0.1 2"));
  peer->connection->write(get("/hello?3", kClose));
  BOOST_TEST(site.closed(*peer));
  BOOST_TEST(count(peer->received, "HTTP/1.1 200 OK") == 3U);
  BOOST_TEST(peer->received.find(" 1\n") < peer->received.find(" 2\n"));
}

BOOST_AUTO_TEST_CASE(head_has_no_body_and_unknown_paths_and_methods_are_told) {
  Site site;
  const std::string head = site.ask("HEAD /hello HTTP/1.1\r\nHost: x\r\n" + kClose + "\r\n");
  BOOST_TEST(head.find("Content-Length: 17\r\n") != std::string::npos, head);
  BOOST_TEST(head.ends_with("\r\n\r\n"));
  BOOST_TEST(site.ask(get("/../etc/passwd", kClose)).starts_with("HTTP/1.1 404 Not Found\r\n"));
  const std::string wrong =
      site.ask("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + kClose + "\r\n");
  BOOST_TEST(wrong.starts_with("HTTP/1.1 405 "));
  BOOST_TEST(wrong.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_answer_is_none) {
  Site site;
  const std::string answer =
      site.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n" + kClose +
               "\r\nbees");
  BOOST_TEST(count(answer, "HTTP/1.1 ") == 1U);
  BOOST_TEST(answer.ends_with("\r\n\r\nbees"));
}

BOOST_AUTO_TEST_CASE(who_waits_for_100_gets_it) {
  Site site;
  const auto peer = site.connect();
  peer->connection->write(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  BOOST_TEST(site.says(*peer, "HTTP/1.1 100 Continue\r\n\r\n"));
  peer->connection->write("bees");
  BOOST_TEST(site.says(*peer, "\r\n\r\nbees"));
}

BOOST_AUTO_TEST_CASE(nonsense_is_told_so_and_cut_off) {
  Site site;
  for (const auto& [request, status] : std::vector<std::pair<std::string, std::string>>{
           {"EHLO x\r\n", "400"},
           {"\x16\x03\x01\r\n", "400"},
           {get("/hello", "Host: y\r\n") + get("/hello"), "400"},
           {"GET /" + std::string(100'000, 'a'), "414"},
           {get("/hello", "a: " + std::string(100'000, 'b') + "\r\n"), "431"},
           {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "413"}}) {
    const std::string answer = site.ask(request);
    BOOST_TEST(answer.starts_with("HTTP/1.1 " + status), answer.substr(0, 60));
    BOOST_TEST(count(answer, "HTTP/1.1 ") == 1U);
  }
  BOOST_TEST(site.server->connections() == 0U);
  BOOST_TEST(site.ask(get("/hello", kClose)).starts_with("HTTP/1.1 200"));
}

BOOST_AUTO_TEST_CASE(requests_that_fail_do_not_show_what_stands_below_a_route) {
  Site site({.request_deadline = milliseconds(400)});
  const std::string post = "POST /secret/sesame HTTP/1.1\r\nHost: x\r\n";
  std::size_t told = 0;
  for (const auto& [request, status] : std::vector<std::pair<std::string, std::string>>{
           {post + "Content-Length: 5\r\n\r\nhalf", "408"},
           {post + "Content-Length: 1000000\r\n\r\n", "413"},
           {post + "a: " + std::string(100'000, 'b') + "\r\n", "431"},
           {post + "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", "400"},
           {"PUT /secret/sesame HTTP/1.1\r\nno field\r\n", "400"}}) {
    BOOST_TEST(site.ask(request).starts_with("HTTP/1.1 " + status));
    BOOST_TEST(count(site.log, "path=/secret/* ") == ++told, site.log);
  }
  BOOST_TEST(site.log.find("sesame") == std::string::npos, site.log);
}

BOOST_AUTO_TEST_CASE(octets_one_by_one_do_not_extend_the_time) {
  Site site({.request_deadline = milliseconds(400)});
  const auto peer = site.connect();
  const std::string request = get("/hello");
  std::size_t sent = 0;
  net::Timer drip(site.loop, [&] {
    if (peer->closed) return;
    peer->connection->write(request.substr(sent++, 1));
    drip.start(milliseconds(50));
  });
  drip.start(milliseconds(1));
  BOOST_TEST(site.closed(*peer));
  BOOST_TEST(sent < request.size());
  BOOST_TEST(peer->received.starts_with("HTTP/1.1 408 "));
}

BOOST_AUTO_TEST_CASE(silence_ends_a_connection_before_and_between_requests) {
  Site site({.request_deadline = milliseconds(1'000), .idle = milliseconds(1'000)});
  const auto silent = site.connect();
  BOOST_TEST(site.closed(*silent));
  BOOST_TEST(silent->received.empty());
  const auto once = site.connect();
  once->connection->write(get("/hello"));
  BOOST_TEST(site.closed(*once));
  BOOST_TEST(count(once->received, "HTTP/1.1 ") == 1U);
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_dropped) {
  Site site({.response_deadline = milliseconds(200)});
  const auto peer = site.connect();
  peer->connection->pause_reading();
  peer->connection->write(get("/large"));
  BOOST_TEST(run_until(site.loop, [&] { return site.server->connections() == 1; }));
  BOOST_TEST(run_until(site.loop, [&] { return site.server->connections() == 0; }));
}

// Each answer is more than the kernel takes for somebody who does not read.
BOOST_AUTO_TEST_CASE(requests_of_who_does_not_read_are_not_answered_in_stock) {
  Site site({.response_deadline = milliseconds(200)});
  const auto peer = site.connect();
  peer->connection->pause_reading();
  std::string requests;
  for (int i = 0; i < 10; ++i) requests += get("/large") + get("/nowhere");
  peer->connection->write(requests);
  BOOST_TEST(run_until(site.loop, [&] { return site.server->connections() == 1; }));
  BOOST_TEST(run_until(site.loop, [&] { return site.server->connections() == 0; }));
  BOOST_TEST(count(site.log, "path=/large") == 1U);
  BOOST_TEST(count(site.log, "path=/nowhere") == 0U);
}

BOOST_AUTO_TEST_CASE(who_reads_late_gets_all_answers_in_order) {
  Site site;
  const auto peer = site.connect();
  peer->connection->pause_reading();
  peer->connection->write(get("/large") + get("/nowhere") + get("/hello?next", kClose));
  BOOST_TEST(run_until(site.loop, [&] { return count(site.log, "path=/large") == 1U; }));
  peer->connection->resume_reading();
  BOOST_TEST(site.closed(*peer));
  BOOST_TEST(count(peer->received, "HTTP/1.1 200 OK") == 2U);
  BOOST_TEST(count(peer->received, "HTTP/1.1 404 ") == 1U);
  BOOST_TEST(peer->received.ends_with(" next\n"));
}

BOOST_AUTO_TEST_CASE(a_handler_that_does_not_answer_is_503_and_its_late_answer_nothing) {
  Site site({.answer_deadline = milliseconds(100)});
  const std::string answer = site.ask(get("/later"));
  BOOST_TEST(answer.starts_with("HTTP/1.1 503 "));
  BOOST_REQUIRE(site.held.size() == 1U);
  site.held[0](ServerResponse{});
  run_for(site.loop, milliseconds(20));
}

BOOST_AUTO_TEST_CASE(answers_of_other_threads_come_to_those_who_are_still_there) {
  Site site;
  const auto stays = site.connect(), goes = site.connect();
  stays->connection->write(get("/later") + get("/hello?next", kClose));
  goes->connection->write(get("/later"));
  BOOST_REQUIRE(run_until(site.loop, [&] { return site.held.size() == 2; }));
  goes->connection.reset();
  std::thread other([&] {
    for (const Respond& respond : site.held) respond(error_response(429, "later"));
  });
  other.join();
  BOOST_TEST(site.closed(*stays));
  BOOST_TEST(stays->received.starts_with("HTTP/1.1 429 "));
  BOOST_TEST(stays->received.find(" next\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(idle_connections_make_place_for_newcomers) {
  Site site({.connections = 3, .connections_per_client = 0});
  const auto first = site.connect(), second = site.connect(), busy = site.connect();
  busy->connection->write(get("/later"));
  BOOST_REQUIRE(run_until(site.loop, [&] { return site.held.size() == 1; }));
  const auto fourth = site.connect(), fifth = site.connect();
  BOOST_TEST(site.closed(*first));
  BOOST_TEST(site.closed(*second));
  fourth->connection->write(get("/later"));
  fifth->connection->write(get("/later"));
  BOOST_REQUIRE(run_until(site.loop, [&] { return site.held.size() == 3; }));
  const auto sixth = site.connect();  // all have something under way
  BOOST_TEST(site.closed(*sixth));
  BOOST_TEST(sixth->received.starts_with("HTTP/1.1 503 "));
  BOOST_TEST(!busy->closed.has_value());
}

BOOST_AUTO_TEST_CASE(one_client_does_not_take_all_places) {
  Site site({.connections = 10, .connections_per_client = 2});
  const auto first = site.connect(), second = site.connect(), third = site.connect();
  BOOST_TEST(site.closed(*third));
  BOOST_TEST(third->received.starts_with("HTTP/1.1 503 "));
  first->connection.reset();
  BOOST_TEST(run_until(site.loop, [&] { return site.server->connections() == 1; }));
  BOOST_TEST(site.ask(get("/hello", kClose)).starts_with("HTTP/1.1 200"));
}

BOOST_AUTO_TEST_CASE(other_limits_hold_for_the_next_connection) {
  Site site({.connections = 10, .connections_per_client = 1});
  const auto first = site.connect("2001:db8::1"), refused = site.connect("2001:db8::2");
  BOOST_TEST(site.closed(*refused));
  site.server->reconfigure({.connections = 10, .connections_per_client = 2, .ipv6_client_bits = 128});
  const auto second = site.connect("2001:db8::2"), third = site.connect("2001:db8::3");
  BOOST_TEST(site.closed(*third));  // of the same client as before
  first->connection->write(get("/hello"));
  second->connection->write(get("/hello"));
  BOOST_TEST(site.says(*first, "hello 2001:db8::1 "));
  BOOST_TEST(site.says(*second, "hello 2001:db8::2 "));
}

BOOST_AUTO_TEST_CASE(a_network_of_ipv6_is_one_client) {
  Site site({.connections = 10, .connections_per_client = 2});
  const auto first = site.connect("2001:db8::1"), second = site.connect("2001:db8::2");
  const auto third = site.connect("2001:db8::1:3"), other = site.connect("2001:db8:0:1::1");
  BOOST_TEST(site.closed(*third));
  BOOST_TEST(third->received.starts_with("HTTP/1.1 503 "));
  other->connection->write(get("/hello"));
  BOOST_TEST(site.says(*other, "hello 2001:db8:0:1::1 "));
}

BOOST_AUTO_TEST_CASE(who_ends_no_request_makes_place_for_others) {
  Site site({.connections = 4, .connections_per_client = 0});
  const std::string half = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nb";
  const auto honest = site.connect("192.0.2.1");
  honest->connection->write(half);
  std::vector<std::unique_ptr<Peer>> attack;
  for (int i = 0; i < 20; ++i) {
    attack.push_back(site.connect("2001:db8::" + std::to_string(i + 1)));
    attack.back()->connection->write(half);
    BOOST_TEST(run_until(site.loop, [&] { return attack.back()->drained > 0 || attack.back()->closed; }));
  }
  // Another comes, and says what it wants only when the attack has gone on.
  const auto late = site.connect("192.0.2.2");
  for (int i = 0; i < 5; ++i) {
    attack.push_back(site.connect("2001:db8::" + std::to_string(i + 21)));
    attack.back()->connection->write(half);
  }
  late->connection->write(get("/hello", kClose));
  BOOST_TEST(site.closed(*late));
  BOOST_TEST(late->received.starts_with("HTTP/1.1 200"));
  honest->connection->write("ees");
  BOOST_TEST(site.says(*honest, "\r\n\r\nbees"));
  // His own oldest went.
  BOOST_TEST(site.closed(*attack.front()));
  BOOST_TEST(!attack.back()->closed.has_value());
}

BOOST_AUTO_TEST_CASE(a_trusted_proxy_names_the_client) {
  Site site({.trusted_proxy = [](const std::string& ip) { return ip == "127.0.0.1"; }});
  BOOST_TEST(site.ask(get("/hello", kClose + "X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n"))
                 .find("hello 192.0.2.7 ") != std::string::npos);
  Site plain;
  BOOST_TEST(plain.ask(get("/hello", kClose + "X-Forwarded-For: 192.0.2.7\r\n")).find("hello 127.0.0.1 ") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_field_of_the_client_does_not_reach_into_that_of_the_proxy) {
  Site site(
      {.trusted_proxy = [](const std::string& ip) { return ip == "127.0.0.1"; }, .forwarded = "forwarded"});
  BOOST_TEST(
      site.ask(get("/hello", kClose + "Forwarded: for=203.0.113.9;x=\"\r\nForwarded: for=192.0.2.7\r\n"))
          .find("hello 192.0.2.7 ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(under_tls_it_is_the_same) {
  Site site({.tls = server_context()});
  const auto peer = site.connect();
  peer->connection->start_tls_client(net::TlsClientContext::opportunistic(), "localhost", "");
  BOOST_REQUIRE(run_until(site.loop, [&] { return peer->tls.has_value(); }));
  peer->connection->write(get("/hello", kClose));
  BOOST_TEST(site.closed(*peer));
  BOOST_TEST(peer->received.starts_with("HTTP/1.1 200"));
  const auto clear = site.connect();
  clear->connection->write(get("/hello"));
  BOOST_TEST(site.closed(*clear));
  BOOST_TEST(clear->received.find("hello") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(shutting_down_ends_the_idle_at_once_and_the_others_with_their_answer) {
  Site site;
  const auto idle = site.connect(), busy = site.connect();
  busy->connection->write(get("/later"));
  BOOST_REQUIRE(run_until(site.loop, [&] { return site.held.size() == 1; }));
  site.server->shut_down();
  BOOST_TEST(site.closed(*idle));
  site.held[0](ServerResponse{});
  BOOST_TEST(site.closed(*busy));
  BOOST_TEST(busy->received.starts_with("HTTP/1.1 200"));
}

BOOST_AUTO_TEST_CASE(half_closed_clients_get_their_answers) {
  Site site;
  const auto peer = site.connect();
  peer->connection->write(get("/hello?1") + get("/hello?2"));
  peer->connection->close_after_flush();  // shuts down its side
  BOOST_TEST(run_until(site.loop, [&] { return count(site.log, "status=200") == 2U; }));
}

BOOST_AUTO_TEST_SUITE_END()
