#include "lists/held/keys.h"
#include "lists/requests/verbs.h"
#include "storage/departure_store.h"
#include "storage/held_store.h"
#include "storage/member_store.h"

namespace essaim::lists {

using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

Done join(const Doing& doing) {
  const Request& request = doing.request;
  MemberStore members(doing.connection());
  auto known = members.find(request.list.id, Role::kMember, request.email);
  if (!known.ok()) return known.error();
  if (known->has_value())
    return Response{Response::Status::kAlready, doing.say("{{email}} was a member of {{list}} already"), ""};
  auto revision = members.next_revision(request.list.id);
  if (!revision.ok()) return revision.error();
  MemberRecord member;
  member.id = doing.context.services.ids->next();
  member.list_id = request.list.id;
  member.role = Role::kMember;
  member.local = request.email.local;
  member.domain = request.email.domain;
  member.name = request.name;
  member.joined = *revision;
  member.since = doing.context.now;
  if (request.email == doing.who.address) member.language = doing.who.language;
  ESSAIM_TRY(members.add(member));
  if (doing.settings.welcome && !doing.quiet())
    ESSAIM_TRY(doing.tell("welcome", request.email, request.email == doing.who.address));
  if (doing.notify()) ESSAIM_TRY(doing.tell_owners("{{email}} is a member of {{list}} now"));
  return Response{Response::Status::kDone, doing.say("{{email}} is a member of {{list}} now"), ""};
}

Done leave(const Doing& doing) {
  const Request& request = doing.request;
  MemberStore members(doing.connection());
  auto known = members.find(request.list.id, Role::kMember, request.email);
  if (!known.ok()) return known.error();
  if (!known->has_value())
    return Response{Response::Status::kAlready, doing.say("{{email}} is no member of {{list}}"), ""};
  auto revision = members.next_revision(request.list.id);
  if (!revision.ok()) return revision.error();
  ESSAIM_TRY(members.remove(request.list.id, Role::kMember, request.email, *revision));
  ESSAIM_TRY(storage::DepartureStore(doing.connection())
                 .add({(*known)->id, request.list.address(), request.email.to_string(), doing.how(),
                       doing.who.client, doing.context.now}));
  const bool deleted = request.verb == Verb::kDelete;
  if (doing.settings.goodbye && !doing.quiet())
    ESSAIM_TRY(
        doing.tell(deleted ? "removed" : "goodbye", request.email, request.email == doing.who.address));
  const std::string_view event =
      deleted ? "{{email}} was removed from {{list}}" : "{{email}} has left {{list}}";
  const std::string_view told =
      doing.who.approved_by == "one-click" ? "{{email}} has left {{list}}, by the button of a mail program"
      : doing.who.approved_by == "page"    ? "{{email}} has left {{list}}, on the page of a link in a message"
                                           : event;
  if (doing.notify() || (doing.settings.tell_left && !doing.quiet())) ESSAIM_TRY(doing.tell_owners(told));
  return Response{Response::Status::kDone, doing.say(event), ""};
}

Done invite(const Doing& doing) {
  const Request& request = doing.request;
  auto known = MemberStore(doing.connection()).find(request.list.id, Role::kMember, request.email);
  if (!known.ok()) return known.error();
  if (known->has_value())
    return Response{Response::Status::kAlready, doing.say("{{email}} was a member of {{list}} already"), ""};
  storage::HeldStore store(doing.connection());
  storage::HeldRecord held;
  held.subject_key = waiting_key(request);
  auto waiting = store.find_waiting(request.list.id, storage::HeldKind::kInvitation, held.subject_key);
  if (!waiting.ok()) return waiting.error();
  if (waiting->has_value())
    return Response{Response::Status::kAlready, doing.say("{{email}} was invited to {{list}}"), ""};
  Request accepted = request;
  accepted.verb = Verb::kAdd;
  held.id = doing.context.services.ids->next();
  held.kind = storage::HeldKind::kInvitation;
  held.key = new_key();
  held.list_id = request.list.id;
  held.list_address = request.list.address();
  held.author = doing.who.address.to_string();
  held.subject = described(request, "en");
  held.client = doing.who.client;
  held.details = details_of(accepted);
  held.held = doing.context.now;
  held.expires = doing.context.now +
                 std::chrono::duration_cast<std::chrono::milliseconds>(doing.settings.approval_expire);
  ESSAIM_TRY(store.add(held));
  ServiceMail mail;
  mail.message = "invite";
  mail.list = &request.list;
  mail.to = {recipient_of_mail(request.email)};
  mail.reply_to = "confirm+" + held.key;
  mail.replied = false;
  mail.values = doing.values();
  mail.values["key"] = held.key;
  mail.values["reply_to"] = "confirm+" + held.key + "@" + request.list.domain;
  mail.values["days"] = in_days(doing.settings.approval_expire);
  ESSAIM_TRY(send_service_mail(doing.context, mail));
  return Response{Response::Status::kDone, doing.say("{{email}} was invited to {{list}}"), ""};
}

Done set_options(const Doing& doing) {
  const Request& request = doing.request;
  MemberStore members(doing.connection());
  auto known = members.find(request.list.id, Role::kMember, request.email);
  if (!known.ok()) return known.error();
  if (!known->has_value())
    return Response{Response::Status::kRefused, doing.say("{{email}} is no member of {{list}}"), ""};
  MemberRecord& member = **known;
  const bool delivery = request.delivery.value_or(member.delivery);
  const bool conceal = request.conceal.value_or(member.conceal);
  if (delivery == member.delivery && conceal == member.conceal)
    return Response{Response::Status::kAlready,
                    doing.say("the options of {{email}} on {{list}} are like that already"), ""};
  ESSAIM_TRY(members.set(request.list.id, Role::kMember, request.email, delivery, member.name));
  ESSAIM_TRY(members.set_conceal(member.id, conceal));
  return Response{Response::Status::kDone, doing.say("the options of {{email}} on {{list}} were changed"),
                  ""};
}

}  // namespace essaim::lists
