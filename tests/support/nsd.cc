#include "tests/support/nsd.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/free_port.h"

namespace essaim::test {

Nsd::Nsd(const std::map<std::string, std::string>& zones, const Signing& signing) : port_(free_port()) {
  BOOST_REQUIRE_MESSAGE(::access("/usr/sbin/nsd", X_OK) == 0,
                        "/usr/sbin/nsd is missing: install the package nsd (contrib/test does)");
  std::ostringstream conf;
  conf << "server:\n  ip-address: 127.0.0.1@" << port_ << "\n  username: \"\"\n  database: \"\"\n"
       << "  server-count: 1\n  verbosity: 0\n  rrl-ratelimit: 0\n  zonesdir: \"" << dir_.path() << "\"\n"
       << "  pidfile: \"" << dir_.path("pid") << "\"\n  xfrdfile: \"" << dir_.path("xfrd") << "\"\n"
       << "  xfrdir: \"" << dir_.path() << "\"\n  zonelistfile: \"" << dir_.path("zone.list") << "\"\n"
       << "remote-control:\n  control-enable: no\n";
  int number = 0;
  for (const auto& [name, records] : zones) {
    const std::string file = "zone" + std::to_string(number++);
    dir_.write(file, "$ORIGIN " + name + ".\n$TTL 300\n@ IN SOA ns root 1 3600 600 86400 60\n@ IN NS ns\n" +
                         "ns IN A 127.0.0.1\n" + records);
    if (std::find(signing.zones.begin(), signing.zones.end(), name) != signing.zones.end())
      sign(name, file, signing);
    conf << "zone:\n  name: \"" << name << "\"\n  zonefile: \"" << file << "\"\n";
  }
  dir_.write("nsd.conf", conf.str());
  start();
}

net::SocketAddress Nsd::address() const {
  return net::SocketAddress::from_ip("127.0.0.1", port_).value();
}
void Nsd::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}
void Nsd::start() {
  pid_ = ::fork();
  BOOST_REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int log = ::open(dir_.path("log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::execl("/usr/sbin/nsd", "nsd", "-d", "-c", dir_.path("nsd.conf").c_str(), nullptr);
    ::_exit(127);
  }
  const auto begin = std::chrono::steady_clock::now();
  while (!answers()) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_ ||
        std::chrono::steady_clock::now() - begin > std::chrono::minutes(2)) {
      std::ifstream log(dir_.path("log"));
      std::ostringstream text;
      text << log.rdbuf();
      BOOST_FAIL("nsd does not serve: " + text.str());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Nsd::run(const std::string& command) const {
  const int status = std::system(("cd " + dir_.path() + " && " + command + " >>sign.log 2>&1").c_str());
  BOOST_REQUIRE_MESSAGE(status == 0, command + ": failed (the package ldnsutils has it)");
}

void Nsd::sign(const std::string& zone, const std::string& file, const Signing& signing) const {
  const bool expired =
      std::find(signing.expired.begin(), signing.expired.end(), zone) != signing.expired.end();
  run("key=$(ldns-keygen -a ECDSAP256SHA256 -k -r /dev/urandom " + zone +
      ") && cat $key.ds >>trust-anchor && ldns-signzone" +
      (expired ? " -i 20200101000000 -e 20200201000000" : "") + " -f signed " + file + " $key");
  std::ifstream in(dir_.path("signed"));
  std::ostringstream text;
  text << in.rdbuf();
  std::string changed = text.str();
  for (const auto& [from, to] : signing.replaced) {
    const std::size_t at = changed.find(from);
    if (at != std::string::npos) changed.replace(at, from.size(), to);
  }
  dir_.write(file, changed);
}

// Whether a question (the root's NS, refused or not) gets any answer.
bool Nsd::answers() const {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval patience{0, 200'000};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const net::SocketAddress server = address();
  static constexpr char kQuestion[] = "\x12\x34\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1";
  char reply[512];
  const bool good = ::connect(fd, server.raw(), server.raw_length()) == 0 &&
                    ::send(fd, kQuestion, sizeof kQuestion - 1, MSG_NOSIGNAL) > 0 &&
                    ::recv(fd, reply, sizeof reply, 0) > 0;
  ::close(fd);
  return good;
}

}  // namespace essaim::test
