// Tokens and keys of strangers: a line with a key set, then tokens. Nothing is good that was not signed by a key of the set, and nobody
// has signed anything here.
#include "smtpd/accounts/json_web_token.h"

#include "core/base/text.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

// The key of RFC 8037 App. A.
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

}  // namespace

ESSAIM_FUZZ_TARGET(json_web_token) {
  const std::string_view line = fuzz::take_until(&data, '\n');
  auto keys = JsonWebKeys::parse(line);
  if (!keys.ok()) keys = JsonWebKeys::parse(kKeys);
  ESSAIM_CHECK(keys.ok());
  const TokenRules rules{"https://id.test", "essaim", "sub", ""};
  for (const std::string_view token : split(data, '\n')) {
    if (const auto header = read_token_header(token)) ESSAIM_CHECK(!header->algorithm.empty());
    const TokenVerdict verdict = judge_token(token, **keys, rules, from_millis(1'790'000'000'000));
    ESSAIM_CHECK(verdict.name.empty() && !verdict.why.empty());
  }
}
