// Leaving by mail with a token, which only the member has: at once, and whoever sends it, for the buttons of mail providers
// send it from addresses of their own.
#include "lists/plan.h"
#include "lists/service_mail.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::MemberRecord;
using storage::MemberStore;

smtp::Address address_of(const MemberRecord& member) {
  return {member.local, member.domain};
}

class LeavePlan : public Plan {
 public:
  using Plan::Plan;

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "left";
    MemberStore members(context.connection);
    auto member = members.find_by_id(target().member_id);
    if (!member.ok()) return member.error();
    if (!member->has_value() || (*member)->left != 0) {
      out.words = "you are no member of this list any more";
      out.fields = {{"member", format_id(target().member_id)}, {"result", "was no member"}};
      return out;
    }
    auto list = storage::DirectoryStore(context.connection).find_list_by_id((*member)->list_id);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return Error{ErrorCode::kDamaged, "a member of a list that does not exist"};
    auto revision = members.next_revision((*list)->id);
    if (!revision.ok()) return revision.error();
    ESSAIM_TRY(members.remove((*list)->id, (*member)->role, address_of(**member), *revision));
    if (settings_of(**list).goodbye) {
      WriteContext write{context.services, context.connection, context.now, context.rank};
      ServiceMail mail;
      mail.message = "goodbye";
      mail.list = &**list;
      mail.language = (*member)->language;
      mail.to = {recipient_of_mail(address_of(**member))};
      mail.values = {{"email", (*member)->address()}};
      mail.in_reply_to = context.incoming.message_id;
      ESSAIM_TRY(send_service_mail(write, mail));
      out.posted = true;
    }
    out.words = "you have left " + (*list)->address() + ", noted as " + format_id(id());
    out.fields = {{"of", (*list)->address()}, {"member", (*member)->address()}, {"result", "left"}};
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
