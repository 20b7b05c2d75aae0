#include "lists/advice.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

// The list was open at RCPT; it may have been closed since. Who may post to an open one, its scenario says.
Verdict closed_list(const RuleContext& context, std::string_view name) {
  if (context.target.list.state == storage::ListState::kOpen) return std::nullopt;
  return advised_refusal(550, "5.7.2", "the list is closed", "", context.target.list, name);
}

}  // namespace essaim::lists::rules
