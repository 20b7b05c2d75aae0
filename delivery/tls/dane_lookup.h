// Which TLSA records hold for the hosts of a destination (RFC 7672 §2.2). The state table, a row for each way through it:
//
//   MX records (or their absence)   addresses of the host        TLSA records              -> the host
//   not secure                      -                            not asked for             no DANE
//   secure                          none could be had            -                         is not in the list
//   secure                          not secure, no alias         not asked for             no DANE
//   secure                          not secure, secure alias     asked at the host's name  as below
//   secure                          not secure, other alias      not asked for             no DANE
//   secure                          not secure, CNAME fails      -                         unusable now
//   secure                          secure, no alias             asked at the host's name  as below
//   secure                          secure, by aliases           asked at their end; if there are none, at the
//                                                                host's name               as below
//                                                                secure, some usable       DANE
//                                                                secure, none usable       TLS, unauthenticated
//                                                                not secure, or none       no DANE
//                                                                SERVFAIL, bogus, timeout  unusable now
//
// "Unusable now" is never "no DANE": that would be a downgrade by whoever can disturb the name service (§2.1.2).
// One object for a look-up, on the resolver's loop. `done` comes once, never from within the constructor; destroying
// the object cancels. It may destroy the object.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"

namespace essaim::delivery {

struct DaneHost {
  std::string name;
  std::string canonical;  // behind its aliases; "" or the name itself: there are none
  bool secure = false;    // its addresses
  std::uint16_t port = 25;
};

struct DaneResult {
  enum class Kind { kNone, kRecords, kUnusable };
  Kind kind = Kind::kNone;
  std::string base;                      // TLSA base domain, with kRecords
  std::vector<net::TlsaRecord> records;  // the usable ones; kRecords without any: encrypt only
  std::string problem;                   // with kUnusable
  std::chrono::seconds ttl{3600};
};

class DaneLookup {
 public:
  // `hosts` of a destination whose MX records are secure. The results are in their order.
  DaneLookup(net::EventLoop& loop, dns::Resolver& resolver, std::vector<DaneHost> hosts,
             std::function<void(std::vector<DaneResult>)> done);
  ~DaneLookup();
  DaneLookup(const DaneLookup&) = delete;
  DaneLookup& operator=(const DaneLookup&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::delivery
