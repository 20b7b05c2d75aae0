// What strangers publish for MTA-STS: a policy that is read can be written and read again as the same, and names hosts only.
#include "delivery/tls/sts_policy.h"

#include "core/base/text.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::delivery;

ESSAIM_FUZZ_TARGET(sts_policy) {
  if (const auto policy = parse_sts_policy(data); policy.ok()) {
    const auto again = parse_sts_policy(to_text(*policy));
    ESSAIM_CHECK(again.ok() && *again == *policy);
    ESSAIM_CHECK(policy->mode == StsPolicy::Mode::kNone || !policy->hosts.empty());
    for (const std::string& host : policy->hosts) {
      ESSAIM_CHECK(is_ascii(host) && host.find_first_of(std::string_view("\r\n\0 ", 4)) == std::string::npos);
      if (!host.starts_with("*.")) ESSAIM_CHECK(names_host(*policy, host));
    }
    // A wildcard stands for one label, never for none or two.
    const StsPolicy one{StsPolicy::Mode::kEnforce, {"*.example.org"}, std::chrono::seconds(1)};
    if (names_host(one, std::string(data)))
      ESSAIM_CHECK(data.find(".example.org") != data.npos || !is_ascii(data));
  }
  std::vector<std::string> texts;
  for (const std::string_view line : split(data, '\n')) texts.emplace_back(line);
  if (const auto id = announced_id(texts); id.ok())
    ESSAIM_CHECK(!id->empty() && id->size() <= 32 && is_ascii(*id));
  static_cast<void>(is_policy_type(data));
}
