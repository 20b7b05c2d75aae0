#include <string>

#include "core/config/values.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

Verdict too_large(const RuleContext& context, std::string_view name) {
  const std::uint64_t limit = max_size_of(context.target);
  const std::size_t size = context.submission.content.size();
  if (limit == 0 || size <= limit) return std::nullopt;
  const std::string who = context.target.kind == TargetKind::kPost ? "the list" : "the address";
  return refusal(
      552, "5.3.4",
      "the message has " + std::to_string(size) + " octets, " + who + " takes " + config::format_size(limit),
      name);
}

}  // namespace essaim::lists::rules
