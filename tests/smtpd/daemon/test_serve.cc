// The whole server, once around: started, posted to, watched, reloaded, drained.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/smtpd/daemon/tiny_sink.h"
#include "tests/smtpd/program.h"

using namespace essaim::test;
using Parsed = nlohmann::json;

namespace {

// A client on a raw socket. Says a line, gives the last line of the answer.
class Client {
 public:
  explicit Client(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    timeval patience{120, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(fd_); }
  bool connected() const { return connected_; }
  std::string answer() {
    for (;;) {
      const std::size_t end = input_.find("\r\n");
      if (end != std::string::npos) {
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 2);
        if (line.size() < 4 || line[3] != '-') return line;
        continue;
      }
      char buffer[4096];
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return "";
      input_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  bool write(const std::string& bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  std::string say(const std::string& line) { return write(line + "\r\n") ? answer() : ""; }
  // Gives the reply to the final dot.
  std::string post(const std::string& from, const std::string& to, const std::string& text) {
    answer();
    say("EHLO client.example");
    say("MAIL FROM:<" + from + ">");
    const std::string rcpt = say("RCPT TO:<" + to + ">");
    if (!rcpt.starts_with("250")) return rcpt;
    say("DATA");
    return say("From: " + from + "\r\nTo: " + to + "\r\nSubject: Bees\r\nMessage-ID: <" + text +
               "@client.example>\r\nDate: Sun, 22 Nov 2026 18:52:04 +0000\r\n\r\n" + text + "\r\n.");
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
  std::string input_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

struct Site {
  explicit Site(const std::string& more = "")
      : program("[delivery]\nsmarthost = \"127.0.0.1:" + std::to_string(sink.port()) + "\"\n" + more) {
    BOOST_REQUIRE(program.run({"domain", "create", "lists.example"}).code == 0);
    BOOST_REQUIRE(
        program.run({"list", "create", "dev@lists.example", "--owner", "owner@people.example"}).code == 0);
    BOOST_REQUIRE(
        program.run({"member", "add", "dev@lists.example", "ann@a.example", "bob@b.example"}).code == 0);
    port = program.serve();
    BOOST_REQUIRE_MESSAGE(port != 0, program.log());
  }
  Parsed json(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const auto o = program.run(std::move(arguments));
    BOOST_REQUIRE_MESSAGE(o.code == 0, o.err);
    return Parsed::parse(o.out);
  }
  TinySink sink;
  Program program;
  int port = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(clients_are_spread_over_the_loops) {
  Site site;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 24; ++i) clients.push_back(std::make_unique<Client>(site.port));
  for (const auto& client : clients) BOOST_REQUIRE(has(client->answer(), "220"));
  const Parsed loops = site.json({"top", "--once"})["loops"];
  BOOST_REQUIRE(!loops.empty());
  int all = 0, least = 24, most = 0;
  for (const Parsed& loop : loops) {
    const int has = loop["sockets"];
    all += has;
    least = std::min(least, has);
    most = std::max(most, has);
  }
  BOOST_TEST(all == 24);
  BOOST_TEST(most - least <= 3);  // two, and what two loops accept at the same instant
}

BOOST_AUTO_TEST_CASE(what_a_peer_was_told_is_in_the_log_though_the_server_is_killed) {
  Site site;
  std::mutex mutex;
  std::vector<std::string> told;
  std::vector<std::thread> authors;
  for (int author = 0; author < 8; ++author)
    authors.emplace_back([&, author] {
      for (int i = 0;; ++i) {
        Client client(site.port);
        const std::string reply = client.post("ann@a.example", "dev@lists.example",
                                              std::to_string(author) + "." + std::to_string(i));
        if (!has(reply, "queued as ")) return;  // it is dead
        const std::lock_guard lock(mutex);
        told.push_back(reply.substr(reply.find("queued as ") + 10));
      }
    });
  const bool many = wait_until([&] {
    const std::lock_guard lock(mutex);
    return told.size() >= 40;
  });
  site.program.signal_server(SIGKILL);
  for (std::thread& author : authors) author.join();
  BOOST_TEST(many);
  BOOST_TEST(site.program.wait_for_end() == 128 + SIGKILL);
  const std::string log = site.program.log();
  for (const std::string& id : told) BOOST_TEST(has(log, "accepted id=" + id), id);
}

BOOST_AUTO_TEST_CASE(a_post_reaches_every_member_and_the_ledger_says_so) {
  Site site;
  Client client(site.port);
  const std::string reply = client.post("ann@a.example", "dev@lists.example", "swarm");
  BOOST_REQUIRE_MESSAGE(has(reply, "queued as "), reply << "\n" << site.program.log());
  const std::string id = reply.substr(reply.find("queued as ") + 10);
  BOOST_REQUIRE_MESSAGE(wait_until([&] { return site.sink.mails().size() == 2; }), site.program.log());
  std::vector<std::string> to;
  for (const auto& mail : site.sink.mails()) {
    BOOST_REQUIRE_EQUAL(mail.to.size(), 1U);
    to.push_back(mail.to[0]);
    BOOST_TEST(mail.from.starts_with("bounce+"), mail.from);
    BOOST_TEST(has(mail.data, "\r\n\r\nswarm\r\n"), mail.data);
    BOOST_TEST(has(mail.data, "List-Id:"), mail.data);
    BOOST_TEST(has(mail.data, "id " + id), mail.data);
  }
  std::sort(to.begin(), to.end());
  const std::vector<std::string> expected = {"ann@a.example", "bob@b.example"};
  BOOST_TEST(to == expected, boost::test_tools::per_element());

  Parsed ledger;
  BOOST_TEST(wait_until([&] {
    ledger = site.json({"post", "show", id});
    return ledger["counts"]["pending"] == 0;
  }));
  BOOST_TEST(ledger["counts"]["accepted"] == 2);
  BOOST_TEST(ledger["counts"]["delivered"] == 2);
  BOOST_TEST(ledger["recipients"][0]["state"] == "delivered");
  BOOST_TEST(has(ledger["recipients"][0]["reply"].get<std::string>(), "2.0.0 taken"));
  BOOST_TEST(site.json({"post", "find", "--recipient", "bob@b.example", "--since", "1h"})[0]["id"] == id);
  BOOST_TEST(site.json({"queue", "list"})["counts"]["pending_recipients"] == 0);

  site.program.signal_server(SIGTERM);
  BOOST_TEST(site.program.wait_for_end() == 0);
  BOOST_TEST(has(site.program.log(), " stopped"), site.program.log());
}

BOOST_AUTO_TEST_CASE(unknown_recipients_are_refused_and_idle_sessions_hear_421_at_the_end) {
  Site site;
  Client refused(site.port);
  BOOST_TEST(refused.post("ann@a.example", "nobody@lists.example", "x").starts_with("550"));
  Client idle(site.port);
  idle.answer();
  idle.say("EHLO client.example");
  site.program.signal_server(SIGTERM);
  BOOST_TEST(idle.answer().starts_with("421 4.3.2"));
  BOOST_TEST(site.program.wait_for_end() == 0);
  BOOST_TEST(!Client(site.port).connected());
}

BOOST_AUTO_TEST_CASE(held_posts_wait_and_are_delivered_when_released) {
  Site site;
  BOOST_REQUIRE(site.program.run({"destination", "suspend", "a.example"}).code == 0);
  BOOST_REQUIRE(site.program.run({"destination", "suspend", "b.example"}).code == 0);
  Client client(site.port);
  BOOST_REQUIRE(has(client.post("ann@a.example", "dev@lists.example", "later"), "queued as"));
  BOOST_TEST(wait_until([&] { return site.json({"queue", "list"})["counts"]["waiting"] == 1; }));
  BOOST_TEST(site.json({"queue", "hold", "--all", "--reason", "looks odd"})["posts"] == 1);
  BOOST_REQUIRE(site.program.run({"destination", "resume", "a.example"}).code == 0);
  BOOST_REQUIRE(site.program.run({"destination", "resume", "b.example"}).code == 0);
  BOOST_TEST(site.json({"queue", "list"})["counts"]["held"] == 1);
  BOOST_TEST(site.sink.mails().empty());
  // One of the two is taken out, the other goes.
  BOOST_TEST(site.json({"queue", "delete", "--recipient", "bob@b.example"})["recipients"] == 1);
  BOOST_TEST(site.json({"queue", "release", "--all"})["posts"] == 1);
  BOOST_TEST(site.program.run({"queue", "retry", "--all"}).code == 0);
  BOOST_REQUIRE_MESSAGE(wait_until([&] { return site.sink.mails().size() == 1; }), site.program.log());
  BOOST_TEST(site.sink.mails()[0].to.at(0) == "ann@a.example");
  BOOST_TEST(wait_until([&] {
    return site.json({"post", "find", "--since", "1h"})[0]["counts"]["pending"] == 0;
  }));
  const Parsed counts = site.json({"post", "find", "--since", "1h"})[0]["counts"];
  BOOST_TEST(counts["delivered"] == 1);
  BOOST_TEST(counts["suppressed"] == 1);
}

BOOST_AUTO_TEST_CASE(a_reload_refuses_a_bad_file_and_takes_a_good_one) {
  Site site;
  const std::string good = read_file(site.program.config);
  site.program.directory.write("essaim.toml", good + "\n[delivry]\n");
  site.program.signal_server(SIGHUP);
  BOOST_TEST(wait_until([&] { return has(site.program.log(), "reload-refused"); }));
  site.program.directory.write("essaim.toml",
                               good + "\n[log]\nlevel = \"debug\"\n[retention]\nposts = \"9d\"\n");
  const auto reloaded = site.program.run({"reload"});
  BOOST_TEST(reloaded.code == 0, reloaded.err);
  BOOST_TEST(has(reloaded.out, "restart is needed for: retention.posts"), reloaded.out);
  Client client(site.port);
  BOOST_TEST(has(client.post("ann@a.example", "dev@lists.example", "still here"), "queued as"));
  BOOST_TEST(site.program.run({"drain"}).code == 0);
  BOOST_TEST(site.program.wait_for_end() == 0);
}

BOOST_AUTO_TEST_CASE(a_secret_that_everybody_may_read_is_told_and_used) {
  Program program;
  const std::string secret = program.directory.write("secret", "a secret of some length\n");
  BOOST_REQUIRE(chmod(secret.c_str(), 0644) == 0);
  std::ofstream(program.config, std::ios::app) << "[authentication]\nkey_file = \"" << secret << "\"\n";
  BOOST_REQUIRE(program.serve() > 0);
  const std::string log = program.log();
  BOOST_TEST(has(log, "error secret-open-to-all"), log);
  BOOST_TEST(has(log, "chmod 0640 " + secret), log);
}

// The next start, weeks later, would fail for it.
BOOST_AUTO_TEST_CASE(a_reload_looks_at_the_secret_that_seals_the_keys) {
  Program program;
  const std::string secret = program.directory.write("secret", "a secret of some length\n");
  BOOST_REQUIRE(chmod(secret.c_str(), 0600) == 0);
  std::ofstream(program.config, std::ios::app) << "[authentication]\nkey_file = \"" << secret << "\"\n";
  BOOST_REQUIRE(program.serve() > 0);
  BOOST_TEST(program.run({"reload"}).code == 0);
  BOOST_TEST(!has(program.log(), "secret-open-to-all"), program.log());
  BOOST_REQUIRE(chmod(secret.c_str(), 0644) == 0);
  BOOST_TEST(program.run({"reload"}).code == 0);
  BOOST_TEST(has(program.log(), "error secret-open-to-all"), program.log());
  program.directory.write("secret", "short");
  auto reloaded = program.run({"reload"});
  BOOST_TEST(reloaded.code != 0);
  BOOST_TEST(has(reloaded.err, "authentication.key_file"), reloaded.err);
  BOOST_REQUIRE(unlink(secret.c_str()) == 0);
  reloaded = program.run({"reload"});
  BOOST_TEST(reloaded.code != 0);
  BOOST_TEST(has(reloaded.err, "nothing was changed"), reloaded.err);
  BOOST_TEST(has(program.log(), "error reload-refused"), program.log());
}

// Its row in a file is as it was while it ran.
BOOST_AUTO_TEST_CASE(a_server_with_a_file_is_said_to_serve_as_long_as_it_runs) {
  Program program;
  const auto state = [&program] {
    const Parsed all = Parsed::parse(program.run({"node", "list", "--json"}).out);
    return all.at(0).at("state").get<std::string>();
  };
  for (const int signal : {SIGTERM, SIGKILL}) {
    BOOST_REQUIRE(program.serve() > 0);
    BOOST_TEST(state() == "serving");
    program.signal_server(signal);
    BOOST_TEST(program.wait_for_end() == (signal == SIGKILL ? 128 + SIGKILL : 0));
    BOOST_TEST(state() == "stopped");
  }
  const std::string shown = program.run({"node", "show", "1"}).out;
  BOOST_TEST(has(shown, "stopped"), shown);
  BOOST_TEST(has(shown, "0 batches with 0 recipients to go"), shown);
}

// Its files would be the descriptors that the log goes to.
BOOST_AUTO_TEST_CASE(a_server_that_is_started_with_nothing_open_writes_no_log_into_its_files) {
  Program program;
  BOOST_REQUIRE(program.run({"domain", "create", "lists.example"}).code == 0);
  BOOST_REQUIRE(program.serve_with_nothing_open());
  for (const char* file : {"state/lock", "essaim.db-lock"}) {
    const std::string pid = read_file(program.directory.path(file));
    BOOST_TEST(!pid.empty(), file);
    BOOST_TEST(pid.find_first_not_of("0123456789") == std::string::npos, file << ": " << pid);
  }
  program.signal_server(SIGTERM);
  BOOST_TEST(program.wait_for_end() == 0);
}

BOOST_AUTO_TEST_CASE(two_servers_do_not_share_a_state_directory) {
  Site site;
  const auto second = site.program.run({"serve"});
  BOOST_TEST(second.code == 1);
  BOOST_TEST(has(second.err, "another server uses this state directory"), second.err);
}

// It would take what the first one is just sending for left behind.
BOOST_AUTO_TEST_CASE(two_servers_do_not_share_the_file_of_a_database) {
  Site site;
  std::string text = read_file(site.program.config);
  const std::string mine = site.program.directory.path("state");
  text.replace(text.find(mine), mine.size(), site.program.directory.path("other"));
  const std::string config = site.program.directory.write("other.toml", text);
  const auto second = site.program.run({"serve", "--config", config}, "", false);
  BOOST_TEST(second.code == 1);
  BOOST_TEST(has(second.err, "essaim.db: another server, with another state directory, uses this database"),
             second.err);
}

BOOST_AUTO_TEST_CASE(more_connections_than_allowed_are_told_to_come_later) {
  Site site("[limits]\nconnections = 2\n");
  Client one(site.port), two(site.port);
  BOOST_TEST(one.answer().starts_with("220"));
  BOOST_TEST(two.answer().starts_with("220"));
  Client three(site.port);
  BOOST_TEST(three.answer().starts_with("421 4.3.2"));
  one.say("QUIT");
  BOOST_TEST(wait_until([&] { return Client(site.port).answer().starts_with("220"); }));
}

BOOST_AUTO_TEST_CASE(more_connections_of_one_client_than_allowed_are_told_to_come_later) {
  Site site("[limits]\nconnections_per_client = 2\nexempt = []\n");
  Client one(site.port), two(site.port);
  BOOST_TEST(one.answer().starts_with("220"));
  BOOST_TEST(two.answer().starts_with("220"));
  const std::string refusal = Client(site.port).answer();
  BOOST_TEST(refusal.starts_with("421 4.7.0"), refusal);
  BOOST_TEST(has(refusal, "from your address"), refusal);
  one.say("QUIT");
  BOOST_TEST(wait_until([&] { return Client(site.port).answer().starts_with("220"); }));

  // The settings that a reload brings hold for those who come after it.
  std::string file = read_file(site.program.config);
  file.replace(file.find("exempt = []"), 11, "exempt = [\"127.0.0.1\"]");
  site.program.directory.write("essaim.toml", file);
  const auto reloaded = site.program.run({"reload"});
  BOOST_TEST(reloaded.code == 0, reloaded.err);
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < 5; ++i) {
    crowd.push_back(std::make_unique<Client>(site.port));
    BOOST_TEST(crowd.back()->answer().starts_with("220"));
  }
}

BOOST_AUTO_TEST_CASE(a_post_in_chunks_reaches_every_member) {
  Site site;
  Client client(site.port);
  client.answer();
  BOOST_TEST(client.say("EHLO client.example").starts_with("250"));
  BOOST_TEST(client.say("MAIL FROM:<ann@a.example>").starts_with("250"));
  BOOST_TEST(client.say("RCPT TO:<dev@lists.example>").starts_with("250"));
  // The second chunk begins in the middle of a line.
  const std::string head =
      "From: ann@a.example\r\nTo: dev@lists.example\r\nSubject: Bees\r\nMessage-ID: "
      "<chunks@client.example>\r\n"
      "Date: Sun, 22 Nov 2026 18:52:04 +0000\r\n\r\nhalf a li";
  const std::string tail = "ne\r\nend\r\n";
  client.write("BDAT " + std::to_string(head.size()) + "\r\n" + head);
  BOOST_TEST(client.answer().starts_with("250"));
  client.write("BDAT " + std::to_string(tail.size()) + " LAST\r\n" + tail);
  const std::string reply = client.answer();
  BOOST_REQUIRE_MESSAGE(has(reply, "queued as "), reply << "\n" << site.program.log());
  BOOST_REQUIRE_MESSAGE(wait_until([&] { return site.sink.mails().size() == 2; }), site.program.log());
  for (const auto& mail : site.sink.mails())
    BOOST_TEST(has(mail.data, "\r\n\r\nhalf a line\r\nend\r\n"), mail.data);
}
