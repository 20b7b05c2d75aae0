// MTA-STS (RFC 8461) as values: the TXT record that announces a policy, the policy itself, and which hosts it names.
// Pure functions; what they read comes from strangers and is bounded by who fetched it.
//
//   TXT     v=STSv1; id=20160831085700Z;                                            (§3.1)
//   policy  lines of "key: value", ended by CRLF or LF: version, mode, max_age, mx (several)     (§3.2)
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::delivery {

struct StsPolicy {
  enum class Mode { kNone, kTesting, kEnforce };
  Mode mode = Mode::kNone;
  std::vector<std::string> hosts;  // patterns in lower case, A-labels: "mx.example.org", "*.example.org"
  std::chrono::seconds max_age{0};
  friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};
const char* to_string(StsPolicy::Mode mode);

// The id of the policy that the texts at _mta-sts.DOMAIN announce. kNotFound: they announce none (also when several
// do, §3.1). kInvalid: one announces it wrongly.
Result<std::string> announced_id(const std::vector<std::string>& texts);

// kInvalid says what is wrong. Unknown keys are skipped (§3.2).
Result<StsPolicy> parse_sts_policy(std::string_view text);
// Such a text for the policy; parse_sts_policy() gives the same policy again.
std::string to_text(const StsPolicy& policy);

// Whether the host is one that the policy names (§4.1): a wildcard stands for one label. The host may have U-labels.
bool names_host(const StsPolicy& policy, const std::string& host);

// Where the policy is (§3.3).
std::string sts_host(const std::string& domain);
std::string sts_url(const std::string& domain);
// Whether a Content-Type is that of a policy (§3.2: text/plain).
bool is_policy_type(std::string_view content_type);

}  // namespace essaim::delivery
