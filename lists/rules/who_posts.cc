#include "core/base/text.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {
namespace {

std::string author_of(const RuleContext& context) {
  return context.incoming.author ? "<" + escaped_for_display(context.incoming.author->to_string(), 256) + ">"
                                 : "nobody";
}

}  // namespace

// The list was open at RCPT; it may have been closed since.
Verdict closed_list(const RuleContext& context, std::string_view name) {
  if (context.target.list.state == storage::ListState::kOpen) return std::nullopt;
  return refusal(550, "5.7.2", "the list is closed", name);
}

Verdict nobody_posts(const RuleContext& context, std::string_view name) {
  if (context.target.settings.post != WhoPosts::kNobody) return std::nullopt;
  return refusal(550, "5.7.2", "nobody may post to " + context.target.list.address(), name);
}

Verdict owners_only(const RuleContext& context, std::string_view name) {
  if (context.target.settings.post != WhoPosts::kOwners || context.facts.owner || context.facts.editor)
    return std::nullopt;
  return refusal(
      550, "5.7.2",
      "only owners may post to " + context.target.list.address() + ", and " + author_of(context) + " is none",
      name);
}

Verdict members_only(const RuleContext& context, std::string_view name) {
  if (context.target.settings.post != WhoPosts::kMembers || context.facts.member || context.facts.owner ||
      context.facts.editor)
    return std::nullopt;
  return refusal(550, "5.7.2",
                 "only members may post to " + context.target.list.address() + ", and " + author_of(context) +
                     " is none",
                 name);
}

Verdict not_a_member(const RuleContext& context, std::string_view name) {
  if (context.facts.member) return std::nullopt;
  return refusal(550, "5.7.2", author_of(context) + " is no member of " + context.target.list.address(),
                 name);
}

}  // namespace essaim::lists::rules
