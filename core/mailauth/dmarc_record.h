// DMARC policy records at _dmarc.DOMAIN (RFC 9989 §4.7). Lenient where the RFC is: unknown tags and parts that are none
// are ignored, a missing or wrong p= counts as none. Pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace essaim::mailauth {

enum class DmarcPolicy { kNone, kQuarantine, kReject };
const char* to_string(DmarcPolicy policy);

struct DmarcRecord {
  DmarcPolicy policy = DmarcPolicy::kNone;                              // p=
  std::optional<DmarcPolicy> subdomain;                                 // sp=
  std::optional<DmarcPolicy> not_existing;                              // np=
  bool strict_dkim = false;                                             // adkim=s
  bool strict_spf = false;                                              // aspf=s
  bool testing = false;                                                 // t=y
  enum class Suffix { kUnknown, kYes, kNo } suffix = Suffix::kUnknown;  // psd=
};

// Nothing: it is no DMARC record ("v=DMARC1" must be its first tag).
std::optional<DmarcRecord> parse_dmarc_record(std::string_view text);

}  // namespace essaim::mailauth
