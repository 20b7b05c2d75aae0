#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

Verdict requires_tls(const RuleContext& context, std::string_view name) {
  if (!context.submission.require_tls || context.target.settings.require_tls != RequireTls::kRefuse)
    return std::nullopt;
  return refusal(550, "5.7.30", "the list does not pass REQUIRETLS on to its members", name);
}

}  // namespace essaim::lists::rules
