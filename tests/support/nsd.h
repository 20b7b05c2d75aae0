// A real authoritative name server (NSD) on a free port of 127.0.0.1 with zones of the test's own, in a
// temporary directory. Ends with the object. Without /usr/sbin/nsd the test fails: contrib/test installs it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "core/net/socket_address.h"
#include "tests/support/temp_dir.h"

namespace essaim::test {

// Which zones are signed (by ldns-signzone, each with a key of its own), and how the signed file is spoilt.
struct Signing {
  std::vector<std::string> zones;
  std::vector<std::string> expired;  // of these: signatures of the past
  // Text of the signed file -> what stands there instead: records that do not fit their signatures.
  std::map<std::string, std::string> replaced;
};

class Nsd {
 public:
  // Zone name without the final dot -> records, as in a zone file; SOA, NS, $ORIGIN and $TTL 300 are put
  // before them.
  explicit Nsd(const std::map<std::string, std::string>& zones, const Signing& signing = {});
  ~Nsd() { stop(); }
  Nsd(const Nsd&) = delete;
  Nsd& operator=(const Nsd&) = delete;

  // DS records of the signed zones.
  std::string trust_anchor() const { return dir_.path("trust-anchor"); }
  net::SocketAddress address() const;
  void stop();
  // Again, with the same zones. Returns when it answers.
  void start();

 private:
  void run(const std::string& command) const;
  void sign(const std::string& zone, const std::string& file, const Signing& signing) const;
  bool answers() const;

  TempDir dir_;
  std::uint16_t port_;
  pid_t pid_ = -1;
};

}  // namespace essaim::test
