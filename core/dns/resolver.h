// DNS on the loop, by libunbound with its own cache (one context per loop). Names are given without a trailing dot, in
// lower case ASCII (A-labels).
//
// The servers of the machine are followed: when its resolv.conf has changed, the next question goes to those that it names
// then, with a cache of their own, and what is under way ends where it began.
//
// With a trust anchor every answer is validated (RFC 4035). `secure` tells that it was proven, also that there is
// nothing; false means that its zone is not signed or that there is no anchor. What fails the proof (bogus) is
// kTemporary and never seen.
//
// A query's callback comes exactly once, on the loop's thread, never from within the call; the Query handle cancels
// when destroyed and then there is no callback. Every query has a deadline of its own (libunbound gives up late).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/dns/packet.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"

namespace essaim::dns {

enum class Status {
  kOk,        // there are records
  kNoData,    // the name exists, without records of this type
  kNoName,    // NXDOMAIN
  kTemporary  // SERVFAIL, timeout, refused, bogus, malformed: try again later; never taken for "does not exist"
};

struct MxRecord {
  std::uint16_t preference = 0;
  std::string host;  // lower case; "." for a null MX (RFC 7505)
};

struct MxAnswer {
  Status status = Status::kTemporary;
  std::vector<MxRecord> records;  // by preference; equals in the order received
  std::chrono::seconds ttl{0};
  bool secure = false;
  std::string problem;  // for kTemporary: what happened, for the log and for `destination explain`
};

struct AddressAnswer {
  Status status = Status::kTemporary;
  std::vector<std::string> addresses;  // IPv6 first, then IPv4, each in the order received
  std::chrono::seconds ttl{0};
  bool secure = false;    // all that was answered, with the aliases on the way
  std::string canonical;  // the name at the end of the aliases; that of the question if there are none
  // Of this family nothing is known, whatever the status: there may be addresses.
  bool ipv4_failed = false;
  bool ipv6_failed = false;
  std::string problem;
};

struct TextAnswer {
  Status status = Status::kTemporary;
  std::vector<std::string> texts;  // character strings of a record joined; bytes as they came
  bool secure = false;
  std::string problem;
};

struct TlsaAnswer {
  Status status = Status::kTemporary;
  std::vector<TlsaData> records;  // as they came; whether they are usable, others decide
  std::chrono::seconds ttl{0};
  bool secure = false;
  std::string problem;
};

enum class Family { kIpv4, kIpv6 };

class Query {
 public:
  virtual ~Query() = default;
};

struct ResolverOptions {
  std::vector<net::SocketAddress> servers;  // recursive servers; empty: those of the machine
  std::string resolv_conf = "/etc/resolv.conf";
  std::uint16_t resolv_conf_port = 53;  // of the servers there
  Duration timeout = std::chrono::seconds(10);
  std::string trust_anchor;  // file with DS or DNSKEY records, as of the root; "": nothing is validated
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual std::unique_ptr<Query> mx(const std::string& domain, std::function<void(MxAnswer)> done) = 0;
  // To connect to: A and AAAA together; kTemporary if one of them failed and the other brought nothing.
  virtual std::unique_ptr<Query> addresses(const std::string& host,
                                           std::function<void(AddressAnswer)> done) = 0;
  // To judge somebody by: those of one family.
  virtual std::unique_ptr<Query> addresses(const std::string& host, Family family,
                                           std::function<void(AddressAnswer)> done) = 0;
  virtual std::unique_ptr<Query> pointer(const std::string& ip, std::function<void(TextAnswer)> done) = 0;
  virtual std::unique_ptr<Query> text(const std::string& name, std::function<void(TextAnswer)> done) = 0;
  virtual std::unique_ptr<Query> tlsa(const std::string& name, std::function<void(TlsaAnswer)> done) = 0;
  // The alias that the name itself is (CNAME), not followed: one text or none.
  virtual std::unique_ptr<Query> alias(const std::string& name, std::function<void(TextAnswer)> done) = 0;
  // From the next question on, but for the path of resolv.conf. Other servers or another trust anchor, also in the same file,
  // begin with nothing in the cache, and what is under way ends where it began; what cannot be taken is tried again, and those
  // from before are asked meanwhile (`name-servers-kept` in the log). Blocking, for as long as that small file takes.
  virtual void reconfigure(const ResolverOptions& options) = 0;
};

// The error says what libunbound did not like, or that resolv.conf cannot be read.
Result<std::unique_ptr<Resolver>> make_resolver(net::EventLoop& loop, const ResolverOptions& options);

}  // namespace essaim::dns
