#include "lists/list_marks.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

constexpr std::size_t kMaxHops = 100;

Verdict own_mark(const RuleContext& context, std::string_view name) {
  const mail::LoopMarks& marks = context.incoming.marks;
  const bool was_here =
      marks.has_x_loop(loop_mark(context.target)) ||
      (context.target.kind == TargetKind::kPost && marks.has_list_id(list_id_of(context.target.list)));
  if (!was_here) return std::nullopt;
  return refusal(554, "5.4.6", kHasBeenHere, name);
}

// RFC 5321 §6.3 asks for a limit, and for one of at least 100: ordinary mail does not reach it, and forwarded mail of large
// sites may well have 30. Rings through our own lists are stopped by own_mark().
Verdict too_many_hops(const RuleContext& context, std::string_view name) {
  if (context.incoming.marks.received <= kMaxHops) return std::nullopt;
  return refusal(554, "5.4.6", "too many hops: " + std::to_string(context.incoming.marks.received), name);
}

}  // namespace essaim::lists::rules
