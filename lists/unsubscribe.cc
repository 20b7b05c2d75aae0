// Leaving by mail with a token, which only the member has: at once, and whoever sends it, for the buttons of mail providers
// send it from addresses of their own.
#include "lists/leaving.h"
#include "lists/plan.h"

namespace essaim::lists {
namespace {

class LeavePlan : public Plan {
 public:
  using Plan::Plan;

  Result<Committed> commit(const CommitContext& context) const override {
    WriteContext write{context.services, context.connection, context.now, context.rank};
    write.require_tls = context.submission.require_tls;
    const Leaver leaver{target().list.id, target().member_id, LeftBy::kMail, context.submission.client,
                        context.incoming.message_id};
    auto departure = leave(write, leaver);
    if (!departure.ok()) return departure.error();
    Committed out;
    out.event = "left";
    out.posted = write.posted;
    if (!departure->left) {
      out.words = "you are no member of this list any more";
      out.fields = {{"member", format_id(target().member_id)}, {"result", "was no member"}};
      return out;
    }
    out.counted = Counter::kLeftByMail;
    out.words = "you have left " + departure->list + ", noted as " + format_id(id());
    out.fields = {{"of", departure->list}, {"member", departure->member}, {"by", "mail"}, {"result", "left"}};
    return out;
  }
};

}  // namespace

Result<Planned> plan_leave(const PlanContext&, std::shared_ptr<const Target> target) {
  Planned planned;
  planned.plan = std::make_unique<LeavePlan>(std::move(target));
  return planned;
}

}  // namespace essaim::lists
