// Finds the hosts that take mail for a domain: MX, null MX, implicit MX, address literals, and the question
// whether we are one of them (RFC 5321 §5.1, RFC 7505).
//
// One object per lookup, on the resolver's loop. The callback comes exactly once, never from within the
// constructor; the destructor cancels, and the callback may destroy the object. Every question has the
// resolver's deadline, so the lookup ends within about two of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/net/event_loop.h"

namespace essaim::dns {

enum class MxStatus {
  kHosts,
  kNullMx,        // the domain takes no mail (RFC 7505): 5.1.10, 556
  kNoSuchDomain,  // NXDOMAIN, or no name that can exist: 5.1.2
  kNoAddress,     // no host of the domain has an address: 5.4.4
  kLoop,          // we are the best host ourselves: 5.4.6
  kTemporary
};

struct MxHost {
  std::uint16_t preference = 0;
  std::string name;                    // "[192.0.2.1]" for an address literal
  std::vector<std::string> addresses;  // in the order to try
  bool secure = false;                 // its addresses (resolver.h)
  std::string canonical;               // behind its aliases
};

struct MxResult {
  MxStatus status = MxStatus::kTemporary;
  std::vector<MxHost>
      hosts;        // in the order to try: by preference, equals shuffled; only those with addresses
  std::string key;  // equal for domains with the same hosts in the same order of preference
  std::chrono::seconds ttl{0};  // how long this may be kept
  bool secure = false;          // the MX records, or that there are none
  std::string problem;          // for everything but kHosts: what happened, for logs and bounces
};

struct MxOptions {
  std::function<bool(const std::string& host)> is_own_name;   // lower case; may be empty
  std::function<bool(const std::string& ip)> is_own_address;  // may be empty
  std::size_t max_hosts = 20;                                 // the best ones are used, the rest forgotten
  std::size_t max_addresses = 20;                             // of one host and of each family
};

class MxLookup {
 public:
  // `domain` in lower-case ASCII (A-labels) without the final dot, or an address literal in brackets.
  MxLookup(net::EventLoop& loop, Resolver& resolver, const std::string& domain, MxOptions options,
           std::function<void(MxResult)> done);
  ~MxLookup();
  MxLookup(const MxLookup&) = delete;
  MxLookup& operator=(const MxLookup&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::dns
