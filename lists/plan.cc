#include "lists/plan.h"

#include "lists/refusal.h"
#include "storage/directory_store.h"

namespace essaim::lists {

Result<Planned> plan_target(const PlanContext& context, const Target& target) {
  auto fresh = std::make_shared<Target>(target);
  if (target.list.id != 0) {
    auto list = storage::DirectoryStore(context.connection).find_list_by_id(target.list.id);
    if (!list.ok()) return list.error();
    if (!list->has_value())
      return Planned{nullptr,
                     refusal(550, "5.1.1", target.list.address() + ": no such list", "unknown-recipient"),
                     "unknown-recipient"};
    fresh->list = std::move(**list);
    fresh->settings = settings_of(fresh->list);
  }
  switch (target.kind) {
    case TargetKind::kPost:
      return plan_post(context, std::move(fresh));
    case TargetKind::kOwners:
    case TargetKind::kEditors:
    case TargetKind::kPostmaster:
      return plan_forward(context, std::move(fresh));
    case TargetKind::kLeave:
      return plan_leave_request(context, std::move(fresh));
    case TargetKind::kLeaveToken:
    case TargetKind::kConfirm:
      return plan_leave(context, std::move(fresh));
    case TargetKind::kBounce:
    case TargetKind::kOwnerBounce:
      return plan_bounce(context, std::move(fresh));
  }
  return Error{ErrorCode::kInternal, "a target of no known kind"};
}

}  // namespace essaim::lists
