// Leaving by mail: at once with a token, which only the member has; otherwise the author of the mail is
// asked, and the answer to that bears a token. Nothing is sent to who is no member, to machines, or twice
// within an hour.
#include "core/base/encoding.h"
#include "core/base/text.h"
#include "lists/facts.h"
#include "lists/notices.h"
#include "lists/plan.h"
#include "lists/refusal.h"
#include "lists/rules/rule.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

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
      NoticePost notice;
      notice.id = id();
      notice.to = address_of(**member);
      notice.list = &**list;
      notice.subject = "You have left " + (*list)->address();
      notice.text = "You asked by mail to leave the list " + (*list)->address() + ", and it is done:\n" +
                    (*member)->address() + " gets no more mail from it.\n\n" +
                    "If this was not you, please write to the owners: " + (*list)->local + "-owner@" +
                    (*list)->domain + "\n";
      notice.in_reply_to = context.incoming.message_id;
      ESSAIM_TRY(add_notice(context.services, context.connection, notice, context.now, context.rank));
      out.posted = true;
    }
    out.words = "you have left " + (*list)->address() + ", noted as " + format_id(id());
    out.fields = {{"of", (*list)->address()}, {"member", (*member)->address()}, {"result", "left"}};
    return out;
  }
};

class LeaveRequestPlan : public Plan {
 public:
  LeaveRequestPlan(std::shared_ptr<const Target> target, MemberRecord member)
      : Plan(std::move(target)), member_(std::move(member)) {}

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "leave-asked";
    out.fields = {{"member", member_.address()}};
    std::string key = "leave:";
    put_u64(&key, static_cast<std::uint64_t>(member_.id));
    put_u64(&key, static_cast<std::uint64_t>(to_millis(context.now) / 3'600'000));
    auto asked = storage::PostStore(context.connection).remember(target().list.id, key, id(), context.now);
    if (!asked.ok()) return asked.error();
    if (asked->has_value()) {
      out.words = "you have been asked already, as " + format_id(**asked);
      out.fields.emplace_back("result", "asked already");
      return out;
    }
    const storage::ListRecord& list = target().list;
    NoticePost notice;
    notice.id = id();
    notice.to = address_of(member_);
    notice.list = &list;
    notice.reply_to =
        "confirm+" + context.services.tokens->confirm(member_.id, context.now) + "@" + list.domain;
    notice.subject = "Do you want to leave " + list.address() + "?";
    notice.text =
        "Somebody, probably you, asked to take " + member_.address() + " off the list\n" + list.address() +
        ".\n\nIf you want to leave the list, just answer this message; what you write does not matter.\n"
        "If not, ignore it: then nothing happens. The answer counts for 7 days.\n";
    notice.in_reply_to = context.incoming.message_id;
    ESSAIM_TRY(add_notice(context.services, context.connection, notice, context.now, context.rank));
    out.posted = true;
    out.fields.emplace_back("result", "asked");
    return out;
  }

 private:
  MemberRecord member_;
};

}  // namespace

Result<Planned> plan_leave(const PlanContext& context, std::shared_ptr<const Target> target) {
  // The question went to the member with a null sender and marked as automatic. A machine that answers it all
  // the same does not speak for the member. A leave token is used by machines on purpose: buttons of mail
  // providers.
  if (target->kind == TargetKind::kConfirm && is_automatic(context.submission, context.incoming))
    return Planned{nullptr, refusal(550, "5.7.1", "an automatic answer confirms nothing", "automatic"),
                   "automatic"};
  Planned planned;
  planned.plan = std::make_unique<LeavePlan>(std::move(target));
  return planned;
}

Result<Planned> plan_leave_request(const PlanContext& context, std::shared_ptr<const Target> target) {
  auto facts = read_facts(context.connection, target->list.id, context.incoming);
  if (!facts.ok()) return facts.error();
  const Disposition disposition =
      decide(leave_rules(), {context.submission, context.incoming, *target, *facts});
  if (disposition.kind == Disposition::Kind::kReject)
    return Planned{nullptr, disposition.reply, disposition.rule};
  auto member =
      MemberStore(context.connection).find(target->list.id, storage::Role::kMember, *context.incoming.author);
  if (!member.ok()) return member.error();
  if (!member->has_value()) return Error{ErrorCode::kConflict, "the member left within one snapshot"};
  Planned planned;
  planned.plan = std::make_unique<LeaveRequestPlan>(std::move(target), std::move(**member));
  return planned;
}

}  // namespace essaim::lists
