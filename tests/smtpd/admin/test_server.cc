#include <algorithm>
#include <cstring>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtpd/admin/client.h"
#include "smtpd/admin/server.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::smtpd::admin;

namespace {

// A server on the test's thread; clients run on another and are waited for.
struct Fixture {
  Fixture() {
    auto bound = net::ListenSocket::bind_unix(path, 0660);
    BOOST_REQUIRE(bound.ok());
    std::map<std::string, Verb> verbs;
    verbs["echo"] = {{"text"}, [](const Request& q, const std::shared_ptr<Responder>& r) {
                       r->answer(q.argument("text") == "fail"
                                     ? Result<std::string>(Error{ErrorCode::kConflict, "asked to"})
                                     : Result<std::string>("{\"text\":\"" + q.argument("text") + "\"}"));
                     }};
    verbs["watch"] = {{}, [this](const Request&, const std::shared_ptr<Responder>& r) {
                        r->begin_stream([this] { gone = true; });
                        r->answer(std::string("{}"));
                        r->line("C: one");
                        r->line("S: two");
                      }};
    server = std::make_unique<Server>(loop, *bound, std::move(verbs));
  }
  void with_client(const std::function<void()>& client) {
    std::atomic<bool> done{false};
    std::thread thread([&] {
      client();
      done = true;
      loop.post([] {});
    });
    const bool ended = test::run_until(loop, [&] { return done.load(); });
    thread.join();
    BOOST_TEST(ended);
  }
  // Raw bytes in, everything out until the server closes.
  std::string talk(const std::string& bytes) {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    BOOST_REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t n = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    char buffer[4096];
    ssize_t n = 0;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) out.append(buffer, static_cast<std::size_t>(n));
    close(fd);
    return out;
  }

  test::TempDir directory;
  const std::string path = directory.path("admin.sock");
  net::EventLoop loop{"test"};
  bool gone = false;
  std::unique_ptr<Server> server;
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(answers_a_request_with_a_result_or_an_error, Fixture) {
  with_client([this] {
    const auto good = call(path, {"echo", {{"text", "bees"}}});
    BOOST_REQUIRE(good.ok());
    BOOST_TEST(*good == R"({"text":"bees"})");
    const auto bad = call(path, {"echo", {{"text", "fail"}}});
    BOOST_REQUIRE(!bad.ok());
    BOOST_TEST((bad.error().code == ErrorCode::kConflict));
  });
}

BOOST_FIXTURE_TEST_CASE(refuses_what_it_does_not_know, Fixture) {
  with_client([this] {
    BOOST_TEST(call(path, {"ecco", {}}).error().message == "unknown command \"ecco\"");
    BOOST_TEST(call(path, {"echo", {{"txt", "x"}}}).error().message == "unknown argument \"txt\"");
  });
}

BOOST_FIXTURE_TEST_CASE(junk_and_endless_lines_end_the_connection_with_a_reason, Fixture) {
  with_client([this] {
    BOOST_TEST(talk("GET / HTTP/1.0\r\n\r\n").find("bad request: not JSON") != std::string::npos);
    BOOST_TEST(talk(std::string(kMaxRequest + 10'000, 'x')).find("too long") != std::string::npos);
    BOOST_TEST(talk(std::string("\0\n", 2)).find("bad request") != std::string::npos);
    // What follows the one request is ignored.
    const std::string twice = talk("{\"command\":\"echo\"}\n{\"command\":\"echo\"}\n");
    BOOST_TEST(std::count(twice.begin(), twice.end(), '\n') == 1);
    BOOST_TEST(call(path, {"echo", {{"text", "still there"}}}).ok());
  });
}

BOOST_FIXTURE_TEST_CASE(a_stream_goes_on_until_the_client_leaves, Fixture) {
  std::vector<std::string> lines;
  bool began = false;
  with_client([&] {
    const auto done = stream(
        path, {"watch", {}}, [&] { began = true; },
        [&](const std::string& line) {
          lines.push_back(line);
          return lines.size() < 2;
        });
    BOOST_TEST(done.ok());
  });
  const std::vector<std::string> expected = {"C: one", "S: two"};
  BOOST_TEST(began);
  BOOST_TEST(lines == expected, boost::test_tools::per_element());
  BOOST_TEST(test::run_until(loop, [this] { return gone; }));
}

BOOST_FIXTURE_TEST_CASE(is_for_its_user_and_group_only, Fixture) {
  struct stat about {};
  BOOST_REQUIRE(stat(path.c_str(), &about) == 0);
  BOOST_TEST((about.st_mode & 0777) == 0660U);
}

BOOST_AUTO_TEST_CASE(says_that_no_server_runs) {
  const test::TempDir directory;
  const auto answer = call(directory.path("admin.sock"), {"echo", {}});
  BOOST_REQUIRE(!answer.ok());
  BOOST_TEST((answer.error().code == ErrorCode::kNotFound));
  BOOST_TEST(answer.error().message.starts_with("no server is running"));
}
