#include "lists/plan.h"

#include "lists/refusal.h"
#include "storage/directory_store.h"

namespace essaim::lists {

namespace {

// The target with its list as it is now; null if the list is gone.
Result<std::shared_ptr<const Target>> as_it_is(storage::Connection& connection,
                                               std::shared_ptr<const Target> target) {
  if (target->list.id == 0) return target;
  storage::DirectoryStore directory(connection);
  auto revision = directory.revision_if_same(target->list);
  if (!revision.ok()) return revision.error();
  if (*revision == target->list.revision) return target;
  auto fresh = std::make_shared<Target>(*target);
  if (*revision != 0) {
    fresh->list.revision = *revision;
    return std::shared_ptr<const Target>(std::move(fresh));
  }
  auto list = directory.find_list_by_id(target->list.id);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return std::shared_ptr<const Target>();
  fresh->list = std::move(**list);
  fresh->settings = settings_of(fresh->list);
  return std::shared_ptr<const Target>(std::move(fresh));
}

}  // namespace

Result<Planned> plan_target(const PlanContext& context, std::shared_ptr<const Target> target) {
  auto fresh = as_it_is(context.connection, target);
  if (!fresh.ok()) return fresh.error();
  if (*fresh == nullptr)
    return Planned{nullptr,
                   refusal(550, "5.1.1", target->list.address() + ": no such list", "unknown-recipient"),
                   "unknown-recipient"};
  target = *std::move(fresh);
  // Moderators look at posts; for other mail there are none.
  if (!context.submission.held_by.empty() && target->kind != TargetKind::kPost) {
    const std::string rule = "filter:" + context.submission.held_by;
    return Planned{nullptr, refusal(550, "5.7.1", "not accepted", rule), rule};
  }
  switch (target->kind) {
    case TargetKind::kPost:
      return plan_post(context, std::move(target));
    case TargetKind::kOwners:
    case TargetKind::kEditors:
    case TargetKind::kPostmaster:
    case TargetKind::kListmasters:
      return plan_forward(context, std::move(target));
    case TargetKind::kRequest:
      return plan_request_address(context, std::move(target));
    case TargetKind::kSubscribe:
    case TargetKind::kLeave:
    case TargetKind::kCommands:
      return plan_commands(context, std::move(target));
    case TargetKind::kKey:
      return plan_key(context, std::move(target));
    case TargetKind::kLeaveToken:
      return plan_leave(context, std::move(target));
    case TargetKind::kBounce:
    case TargetKind::kOwnerBounce:
      return plan_bounce(context, std::move(target));
    case TargetKind::kRelay:
      return plan_relay(context, std::move(target));
  }
  return Error{ErrorCode::kInternal, "a target of no known kind"};
}

}  // namespace essaim::lists
