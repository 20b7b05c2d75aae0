#include <string>

#include "core/config/values.h"
#include "lists/advice.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

Verdict too_large(const RuleContext& context, std::string_view name) {
  const std::uint64_t limit = max_size_of(context.target);
  const std::size_t size = context.submission.content.size();
  if (limit == 0 || size <= limit) return std::nullopt;
  const bool post = context.target.kind == TargetKind::kPost;
  const std::string words = "the message has " + std::to_string(size) + " octets, " +
                            (post ? "the list" : "the address") + " takes " + config::format_size(limit);
  if (!post) return refusal(552, "5.3.4", words, name);
  return advised_refusal(552, "5.3.4", words, "send a link to what is large", context.target.list, name);
}

}  // namespace essaim::lists::rules
