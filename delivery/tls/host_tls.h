// What a connection to one host must reach by TLS before mail goes over it, and who says so. Immutable, shared by the
// loops; made with the next hop, kept to by the courier.
#pragma once

#include <memory>
#include <string>

#include "core/net/tls.h"

namespace essaim::delivery {

// What the operator asks for (delivery.tls, destination[].tls).
enum class TlsSetting {
  kBest,           // DANE, else MTA-STS, else opportunistic
  kOff,            // never
  kOpportunistic,  // where it is offered and works
  kEncrypt,        // always, whatever the certificate
  kVerify,         // always, with a certificate that the authorities vouch for
  kDane,           // always by DANE
};
const char* to_string(TlsSetting setting);

// Whether the host must promise REQUIRETLS (RFC 8689), and the parameter is given to it.
enum class RequireTls { kNo, kWhereOffered, kAlways };

struct HostTls {
  enum class Level { kNever, kMay, kEncrypt, kVerify };
  enum class Origin { kDefault, kSetting, kDane, kSts };
  Level level = Level::kMay;
  Origin origin = Origin::kDefault;
  bool sts_testing = false;                        // a check that only counts
  std::shared_ptr<const net::TlsPeerCheck> check;  // of the certificate; null: none
  std::string server_name;                         // for SNI; "": the name of the host
  std::string unusable;                            // not "": the host must not be used now, and why
  bool unusable_for_good = false;                  // for this message: nothing is gained by waiting
  RequireTls require_tls = RequireTls::kNo;

  bool mandatory() const { return level == Level::kEncrypt || level == Level::kVerify; }
};
using HostTlsPtr = std::shared_ptr<const HostTls>;

// "DANE (2 usable records of _25._tcp.mx.example.org)", for people.
std::string describe(const HostTls& tls);

}  // namespace essaim::delivery
