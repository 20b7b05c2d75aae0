#include "smtpd/accounts/login_counts.h"

#include <array>
#include <atomic>

namespace essaim::smtpd {
namespace {

using sasl::Mechanism;
using Source = LoginSource;
using Outcome = LoginOutcome;

struct Way {
  Mechanism mechanism;
  Source source;
};
constexpr Way kWays[] = {
    {Mechanism::kPlain, Source::kDatabase},       {Mechanism::kPlain, Source::kMemory},
    {Mechanism::kPlain, Source::kDirectory},      {Mechanism::kLogin, Source::kDatabase},
    {Mechanism::kLogin, Source::kMemory},         {Mechanism::kLogin, Source::kDirectory},
    {Mechanism::kScramSha256, Source::kDatabase}, {Mechanism::kScramSha256Plus, Source::kDatabase},
    {Mechanism::kExternal, Source::kCertificate}, {Mechanism::kOauthBearer, Source::kIntrospection},
    {Mechanism::kOauthBearer, Source::kKeys},
};
constexpr Outcome kOutcomes[] = {Outcome::kAccepted, Outcome::kRefused, Outcome::kThrottled,
                                 Outcome::kDeferred};

std::array<std::array<std::atomic<std::uint64_t>, std::size(kOutcomes)>, std::size(kWays)> counts{};

}  // namespace

const char* to_string(LoginSource source) {
  switch (source) {
    case Source::kDatabase:
      return "database";
    case Source::kMemory:
      return "memory";
    case Source::kDirectory:
      return "directory";
    case Source::kCertificate:
      return "certificate";
    case Source::kIntrospection:
      return "introspection";
    case Source::kKeys:
      return "keys";
  }
  return "?";
}

const char* to_string(LoginOutcome outcome) {
  switch (outcome) {
    case Outcome::kAccepted:
      return "accepted";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kThrottled:
      return "throttled";
    case Outcome::kDeferred:
      return "deferred";
  }
  return "?";
}

void count_login(Mechanism mechanism, LoginSource source, LoginOutcome outcome) {
  for (std::size_t i = 0; i < std::size(kWays); ++i)
    if (kWays[i].mechanism == mechanism && kWays[i].source == source)
      counts[i][static_cast<std::size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
}

std::vector<LoginCount> login_counts() {
  std::vector<LoginCount> out;
  for (std::size_t i = 0; i < std::size(kWays); ++i)
    for (const Outcome outcome : kOutcomes)
      out.push_back({kWays[i].mechanism, kWays[i].source, outcome,
                     counts[i][static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed)});
  return out;
}

}  // namespace essaim::smtpd
