#include "tests/support/free_port.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/random.h"

namespace essaim::test {
namespace {

// Whether nobody has it, for TCP and UDP.
bool is_free(std::uint16_t port) {
  const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  const bool good = ::bind(tcp, raw, sizeof address) == 0 && ::bind(udp, raw, sizeof address) == 0;
  ::close(tcp);
  ::close(udp);
  return good;
}

}  // namespace

std::uint16_t free_port() {
  static const std::string shared = [] {
    const char* const folder = ::getenv("TMPDIR");
    return std::string(folder != nullptr ? folder : "/tmp") + "/essaim-ports-" + std::to_string(::getuid());
  }();
  static const int locks = ::open(shared.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  int end = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> end;
  constexpr int kBegin = 10'240;
  end = std::max(end, 12'000);
  static std::vector<std::uint16_t> given;  // to this process, which its own locks do not stop
  for (int i = 0; i < 1'000; ++i) {
    const auto port = static_cast<std::uint16_t>(
        kBegin + static_cast<int>(random_u64() % static_cast<std::uint64_t>(end - kBegin)));
    if (std::find(given.begin(), given.end(), port) != given.end()) continue;
    struct flock octet {};
    octet.l_type = F_WRLCK;
    octet.l_whence = SEEK_SET;
    octet.l_start = port;
    octet.l_len = 1;
    if (::fcntl(locks, F_SETLK, &octet) != 0 || !is_free(port)) continue;
    given.push_back(port);
    return port;
  }
  BOOST_FAIL("no free port");
  return 0;
}

}  // namespace essaim::test
