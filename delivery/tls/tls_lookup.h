// The TLS policy of a destination: DANE before MTA-STS before opportunistic TLS, unless the operator asks for something
// else. One object for a look-up, on the resolver's loop; `done`
// comes once, never from within the constructor, and may destroy the object, whose destructor cancels.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "delivery/tls/dane_lookup.h"
#include "delivery/tls/host_tls.h"
#include "delivery/tls/sts_policies.h"
#include "delivery/tls/tls_demand.h"

namespace essaim::delivery {

struct TlsQuestion {
  std::string domain;           // of the recipients; "" for the smart host of all
  bool by_mx = true;            // else the operator named the host
  bool own = false;             // the host is this server, on loopback
  bool mx_secure = false;       // the MX records, or that there are none
  std::vector<DaneHost> hosts;  // each once
  TlsSetting setting = TlsSetting::kBest;
  TlsDemand demand = TlsDemand::kNone;
  std::vector<std::string> names;  // accepted in certificates with kVerify, instead of the host's
  StsSettings sts;
};

struct TlsAnswer {
  std::map<std::string, HostTlsPtr> hosts;  // by name
  // Equal for destinations whose connections may be shared; "" for opportunistic TLS.
  std::string key;
  std::chrono::seconds ttl{3600};
  // For TLS-RPT (RFC 8460 §4.2): "tlsa", "sts" or "no-policy-found", and the policy's lines.
  std::string policy_type = "no-policy-found";
  std::string policy;
  std::string trouble;  // a policy that could not be had, in words; "": none
  std::string trouble_type;
  std::string words;  // for `destination explain`, lines
};

class TlsLookup {
 public:
  // `sts` may be null: there is no MTA-STS.
  TlsLookup(net::EventLoop& loop, dns::Resolver& resolver, StsPolicies* sts, TlsQuestion question,
            std::function<void(TlsAnswer)> done);
  ~TlsLookup();
  TlsLookup(const TlsLookup&) = delete;
  TlsLookup& operator=(const TlsLookup&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The decision, once everything is known. Pure.
TlsAnswer decide_tls(const TlsQuestion& question, const std::vector<DaneResult>& dane, const StsAnswer& sts);

}  // namespace essaim::delivery
