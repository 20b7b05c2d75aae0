#include "lists/advice.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

Verdict requires_tls(const RuleContext& context, std::string_view name) {
  if (!context.submission.require_tls || context.target.settings.require_tls != RequireTls::kRefuse)
    return std::nullopt;
  return advised_refusal(550, "5.7.30", "the list does not pass REQUIRETLS on to its members",
                         "send it without asking for that", context.target.list, name);
}

}  // namespace essaim::lists::rules
