#include "delivery/tls/host_tls.h"

namespace essaim::delivery {

const char* to_string(TlsSetting setting) {
  switch (setting) {
    case TlsSetting::kBest:
      return "best";
    case TlsSetting::kOff:
      return "off";
    case TlsSetting::kOpportunistic:
      return "opportunistic";
    case TlsSetting::kEncrypt:
      return "encrypt";
    case TlsSetting::kVerify:
      return "verify";
    case TlsSetting::kDane:
      return "dane";
  }
  return "?";
}

namespace {

std::string describe_check(const HostTls& tls) {
  switch (tls.origin) {
    case HostTls::Origin::kDane:
      if (tls.check == nullptr)
        return "DANE without a record that can be used: encrypted, whatever the certificate";
      return "DANE, " + std::to_string(tls.check->records.size()) + " TLSA record" +
             (tls.check->records.size() == 1 ? "" : "s") + " of " + tls.server_name;
    case HostTls::Origin::kSts:
      return tls.sts_testing ? "MTA-STS in testing: a certificate that is not good is only counted"
                             : "MTA-STS enforced: a certificate for this name";
    case HostTls::Origin::kDefault:
    case HostTls::Origin::kSetting:
      break;
  }
  switch (tls.level) {
    case HostTls::Level::kNever:
      return "never TLS";
    case HostTls::Level::kMay:
      return "opportunistic TLS";
    case HostTls::Level::kEncrypt:
      return "encrypted, whatever the certificate";
    case HostTls::Level::kVerify:
      return "a certificate for this name";
  }
  return "?";
}

}  // namespace

std::string describe(const HostTls& tls) {
  if (!tls.unusable.empty()) return "not used: " + tls.unusable;
  return (tls.require_tls == RequireTls::kNo ? "" : "REQUIRETLS, ") + describe_check(tls);
}

}  // namespace essaim::delivery
