// The servers that a machine's resolv.conf names, and how a resolver follows them.
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/dns/resolv_conf.h"
#include "core/dns/resolver.h"
#include "tests/support/nsd.h"
#include "tests/support/run_until.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::dns;
using essaim::test::run_until;

namespace {

// A name server that keeps what it is asked, and answers when the test has it.
class SlowServer {
 public:
  explicit SlowServer(const net::SocketAddress& address)
      : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    BOOST_REQUIRE(::bind(fd_, address.raw(), address.raw_length()) == 0);
  }
  ~SlowServer() { ::close(fd_); }
  SlowServer(const SlowServer&) = delete;
  SlowServer& operator=(const SlowServer&) = delete;

  bool was_asked() {
    take();
    return !questions_.empty();
  }
  // To each: the address 127.0.0.9.
  void answer() {
    take();
    for (const Question& question : questions_) {
      std::size_t end = 12;
      while (end < question.bytes.size() && question.bytes[end] != 0)
        end += 1 + static_cast<unsigned char>(question.bytes[end]);
      using namespace std::string_literals;
      const std::string reply = question.bytes.substr(0, 2) + "\x81\x80\0\1\0\1\0\0\0\0"s +
                                question.bytes.substr(12, end + 5 - 12) +
                                "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\x7f\0\0\x09"s;
      ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&question.from),
               question.from_length);
    }
    questions_.clear();
  }

 private:
  struct Question {
    std::string bytes;
    sockaddr_storage from{};
    socklen_t from_length = sizeof(sockaddr_storage);
  };

  void take() {
    for (;;) {
      Question question;
      char bytes[512];
      const ssize_t got = ::recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&question.from),
                                     &question.from_length);
      if (got <= 0) return;
      question.bytes.assign(bytes, static_cast<std::size_t>(got));
      questions_.push_back(std::move(question));
    }
  }

  const int fd_;
  std::vector<Question> questions_;
};

struct Followed {
  explicit Followed(const std::string& trust_anchor = "")
      : nsd(std::map<std::string, std::string>{{"example.test", "mx1 IN A 127.0.0.2\nmx2 IN A 127.0.0.4\n"}}),
        slow(net::SocketAddress::from_ip("127.0.0.2", nsd.address().port()).value()) {
    ResolverOptions options;
    options.timeout = std::chrono::minutes(2);
    options.resolv_conf = dir.write("resolv.conf", "nameserver 127.0.0.2\n");
    options.resolv_conf_port = nsd.address().port();
    if (!trust_anchor.empty()) options.trust_anchor = dir.write("anchor", trust_anchor);
    resolver = make_resolver(loop, options).value();
  }
  std::string address_of(const std::string& host) {
    std::optional<AddressAnswer> answer;
    const auto query =
        resolver->addresses(host, Family::kIpv4, [&](AddressAnswer a) { answer = std::move(a); });
    BOOST_REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return answer->addresses.empty() ? answer->problem : answer->addresses.front();
  }

  net::SocketAddress slow_address() const {
    return net::SocketAddress::from_ip("127.0.0.2", nsd.address().port()).value();
  }

  test::TempDir dir;
  test::Nsd nsd;
  SlowServer slow;
  net::EventLoop loop{"test"};
  std::unique_ptr<Resolver> resolver;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(resolv_conf)

BOOST_AUTO_TEST_CASE(the_addresses_of_nameserver_lines_count_and_nothing_else) {
  struct Row {
    const char* text;
    std::vector<std::string> servers;
  };
  const Row rows[] = {
      {"", {}},
      {"nameserver 192.0.2.53\n", {"192.0.2.53"}},
      {"nameserver\t192.0.2.53 \nnameserver 2001:db8::53", {"192.0.2.53", "2001:db8::53"}},
      {"nameserver fe80::1%eth0\r\n", {"fe80::1%eth0"}},
      {"  nameserver 192.0.2.53 # ours\n", {"192.0.2.53"}},
      {"# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsearch example.org\noptions edns0\n", {}},
      {"nameserver\nnameserver \nnameserver ns.example\nnameservers 192.0.2.1\nnameserver192.0.2.1\n", {}},
      {"nameserver 192.0.2.1@53\nnameserver 192.0.2.1%eth0\nnameserver fe80::1%a-name-that-is-too-long\n",
       {}},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      BOOST_TEST(name_servers(row.text) == row.servers, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_was_written_or_replaced_has_changed) {
  const test::TempDir dir;
  ResolvConf file(dir.write("resolv.conf", "nameserver 192.0.2.1\n"));
  BOOST_TEST(file.changed());  // not read yet
  BOOST_TEST(file.read().value().at(0) == "192.0.2.1");
  BOOST_TEST(!file.changed());
  dir.write("resolv.conf", "nameserver 192.0.2.100\n");
  BOOST_TEST(file.changed());
  BOOST_TEST(file.read().value().at(0) == "192.0.2.100");
  std::filesystem::remove(dir.path("resolv.conf"));
  BOOST_TEST(!file.changed());
  dir.write("other", "nameserver 192.0.2.3\n");
  std::filesystem::create_symlink(dir.path("other"), dir.path("resolv.conf"));
  BOOST_TEST(file.changed());
  BOOST_TEST(file.read().value().at(0) == "192.0.2.3");
  dir.write("another", "nameserver 192.0.2.4\n");
  std::filesystem::rename(dir.path("another"), dir.path("other"));
  BOOST_TEST(file.changed());
}

BOOST_AUTO_TEST_CASE(a_machine_without_the_file_has_no_resolver) {
  const test::TempDir dir;
  net::EventLoop loop("test");
  ResolverOptions options;
  options.resolv_conf = dir.path("resolv.conf");
  const auto none = make_resolver(loop, options);
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST(none.error().message.find("resolv.conf") != std::string::npos, none.error().message);
}

BOOST_FIXTURE_TEST_CASE(new_servers_are_asked_from_the_next_question_on_and_the_old_ones_still_answer,
                        Followed) {
  std::optional<AddressAnswer> old;
  const auto query =
      resolver->addresses("mx1.example.test", Family::kIpv4, [&](AddressAnswer a) { old = std::move(a); });
  BOOST_REQUIRE(run_until(loop, [&] { return slow.was_asked(); }));
  dir.write("resolv.conf", "search example.test\nnameserver 127.0.0.1\n");
  BOOST_TEST(address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(!old.has_value());
  BOOST_REQUIRE(run_until(loop, [&] {
    slow.answer();
    return old.has_value();
  }));
  BOOST_REQUIRE_MESSAGE(old->addresses.size() == 1U, old->problem);
  BOOST_TEST(old->addresses.front() == "127.0.0.9");
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.2");  // what the old ones said is not kept
}

BOOST_FIXTURE_TEST_CASE(a_file_that_names_nobody_or_is_gone_leaves_the_servers_as_they_are, Followed) {
  dir.write("resolv.conf", "nameserver 127.0.0.1 # NSD\n");
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.2");
  std::vector<std::string> lines;
  const log::Capture capture([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  dir.write("resolv.conf", "");
  BOOST_TEST(address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.2");
  BOOST_REQUIRE(lines.size() == 1U);
  BOOST_TEST(lines[0].find("name-servers-kept") != std::string::npos, lines[0]);
  std::filesystem::remove(dir.path("resolv.conf"));
  BOOST_TEST(address_of("mx2.example.test") == "127.0.0.4");
  dir.write("resolv.conf", "# the same once more\nnameserver 127.0.0.1\n");
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.2");
  BOOST_TEST(lines.size() == 1U);
}

// As while its package is being upgraded.
BOOST_AUTO_TEST_CASE(new_servers_that_could_not_be_taken_are_tried_again) {
  Followed at("signed.test. IN DS 12345 8 2 " + std::string(64, 'a') + "\n");
  std::vector<std::string> kept;
  const log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("name-servers-kept") != std::string_view::npos) kept.emplace_back(line);
  });
  std::filesystem::rename(at.dir.path("anchor"), at.dir.path("away"));
  at.dir.write("resolv.conf", "nameserver 127.0.0.1 # NSD\n");
  std::optional<AddressAnswer> old;
  const auto query =
      at.resolver->addresses("mx2.example.test", Family::kIpv4, [&](AddressAnswer a) { old = std::move(a); });
  BOOST_REQUIRE(run_until(at.loop, [&] {
    at.slow.answer();
    return old.has_value();
  }));
  BOOST_TEST(kept.size() == 1U);
  std::filesystem::rename(at.dir.path("away"), at.dir.path("anchor"));
  // In a while; until then the old one's answer is known.
  std::string address;
  for (int i = 0; i < 2'400 && (address = at.address_of("mx2.example.test")) == "127.0.0.9"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  BOOST_TEST(address == "127.0.0.4");
  BOOST_TEST(kept.size() == 1U);
}

// As at a reload: from the machine's to others and back.
BOOST_FIXTURE_TEST_CASE(servers_that_the_settings_name_are_asked_from_the_next_question_on, Followed) {
  std::optional<AddressAnswer> old;
  const auto query =
      resolver->addresses("mx1.example.test", Family::kIpv4, [&](AddressAnswer a) { old = std::move(a); });
  BOOST_REQUIRE(run_until(loop, [&] { return slow.was_asked(); }));
  ResolverOptions options;
  options.timeout = std::chrono::minutes(2);
  options.servers = {nsd.address()};
  resolver->reconfigure(options);
  BOOST_TEST(address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(!old.has_value());
  // The machine's are nobody's business then.
  dir.write("resolv.conf", "nameserver 127.0.0.2 # slow\n");
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.2");
  BOOST_REQUIRE(run_until(loop, [&] {
    slow.answer();
    return old.has_value();
  }));
  BOOST_REQUIRE_MESSAGE(old->addresses.size() == 1U, old->problem);
  BOOST_TEST(old->addresses.front() == "127.0.0.9");

  options.servers.clear();
  options.resolv_conf_port = nsd.address().port();
  resolver->reconfigure(options);
  old.reset();
  const auto again =
      resolver->addresses("mx2.example.test", Family::kIpv4, [&](AddressAnswer a) { old = std::move(a); });
  BOOST_REQUIRE(run_until(loop, [&] {
    slow.answer();
    return old.has_value();
  }));
  BOOST_REQUIRE_MESSAGE(old->addresses.size() == 1U, old->problem);
  BOOST_TEST(old->addresses.front() == "127.0.0.9");
}

// A reload that changes nothing of them, or only how long they have, leaves what was found out.
BOOST_FIXTURE_TEST_CASE(settings_with_the_same_servers_leave_their_answers_in_the_cache, Followed) {
  ResolverOptions options;
  options.timeout = std::chrono::minutes(2);
  options.resolv_conf_port = nsd.address().port();
  std::optional<AddressAnswer> old;
  const auto query =
      resolver->addresses("mx1.example.test", Family::kIpv4, [&](AddressAnswer a) { old = std::move(a); });
  BOOST_REQUIRE(run_until(loop, [&] {
    slow.answer();
    return old.has_value();
  }));
  options.timeout = std::chrono::minutes(3);
  resolver->reconfigure(options);
  BOOST_TEST(address_of("mx1.example.test") == "127.0.0.9");  // nobody answers for the slow one now
}

// As when the key of the root is rolled: the file is the same, and has the new one.
BOOST_AUTO_TEST_CASE(a_trust_anchor_that_has_changed_in_its_file_is_read_at_a_reload) {
  const std::string anchor = "signed.test. IN DS 12345 8 2 ";
  Followed at(anchor + std::string(64, 'a') + "\n");
  at.dir.write("resolv.conf", "nameserver 127.0.0.1 # NSD\n");
  BOOST_TEST(at.address_of("mx1.example.test") == "127.0.0.2");
  int begun = 0;
  const log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("name-servers ") != std::string_view::npos) ++begun;
  });
  ResolverOptions options;
  options.timeout = std::chrono::minutes(2);
  options.resolv_conf_port = at.nsd.address().port();
  options.trust_anchor = at.dir.path("anchor");
  at.resolver->reconfigure(options);
  BOOST_TEST(at.address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(begun == 0);
  at.dir.write("anchor", anchor + std::string(64, 'b') + "\n");
  at.resolver->reconfigure(options);
  BOOST_TEST(at.address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(begun == 1);
  at.resolver->reconfigure(options);
  BOOST_TEST(at.address_of("mx1.example.test") == "127.0.0.2");
  BOOST_TEST(begun == 1);
}

BOOST_AUTO_TEST_CASE(settings_that_cannot_be_taken_are_tried_again_and_the_old_servers_asked) {
  Followed at;
  at.dir.write("resolv.conf", "nameserver 127.0.0.1 # NSD\n");
  std::vector<std::string> kept;
  const log::Capture capture([&](log::Level, std::string_view line) {
    if (line.find("name-servers-kept") != std::string_view::npos) kept.emplace_back(line);
  });
  ResolverOptions options;
  options.timeout = std::chrono::minutes(2);
  options.servers = {at.slow_address()};
  options.trust_anchor = at.dir.path("anchor");
  BOOST_TEST(at.address_of("mx1.example.test") == "127.0.0.2");
  at.resolver->reconfigure(options);
  BOOST_TEST(at.address_of("mx2.example.test") == "127.0.0.4");
  BOOST_TEST(at.address_of("mx1.example.test") == "127.0.0.2");
  BOOST_TEST(kept.size() == 1U);
  at.dir.write("anchor", "signed.test. IN DS 12345 8 2 " + std::string(64, 'a') + "\n");
  // In a while; until then the old one's answer is known.
  std::string address;
  for (int i = 0; i < 2'400 && address != "127.0.0.9"; ++i) {
    std::optional<AddressAnswer> answer;
    const auto query = at.resolver->addresses("mx2.example.test", Family::kIpv4,
                                              [&](AddressAnswer a) { answer = std::move(a); });
    BOOST_REQUIRE(run_until(at.loop, [&] {
      at.slow.answer();
      return answer.has_value();
    }));
    address = answer->addresses.empty() ? answer->problem : answer->addresses.front();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  BOOST_TEST(address == "127.0.0.9");
}

BOOST_AUTO_TEST_SUITE_END()
