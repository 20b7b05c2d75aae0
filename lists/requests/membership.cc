#include "lists/directory_text.h"
#include "lists/held/keys.h"
#include "lists/person_name.h"
#include "lists/requests/verbs.h"
#include "lists/templates/phrases.h"
#include "storage/held_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::lists {

using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

namespace {

// As a role other than member, or many at once: nobody is told.
Done put_on_list(const Doing& doing) {
  const Request& request = doing.request;
  std::vector<NewMember> people = request.people;
  if (people.empty()) people.push_back({request.email, request.name});
  const auto added = add_to_list(doing.connection(), *doing.context.services.ids, doing.context.now,
                                 request.list.id, request.role, people);
  if (!added.ok()) return added.error();
  Response out{added->added > 0 ? Response::Status::kDone : Response::Status::kAlready, doing.say("Done"),
               ""};
  out.changed = added->added;
  out.unchanged = added->already;
  return out;
}

}  // namespace

Done join(const Doing& doing) {
  const Request& request = doing.request;
  if (request.role != Role::kMember || !request.people.empty()) return put_on_list(doing);
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
  member.name = clean_name(request.name);
  member.joined = *revision;
  member.since = doing.context.now;
  if (request.email == doing.who.address) member.language = doing.language();
  ESSAIM_TRY(members.add(member));
  if (doing.settings.welcome && !doing.quiet())
    ESSAIM_TRY(doing.tell("welcome", request.email, request.email == doing.who.address));
  if (doing.notify()) ESSAIM_TRY(doing.tell_owners("{{email}} is a member of {{list}} now"));
  return Response{Response::Status::kDone, doing.say("{{email}} is a member of {{list}} now"), ""};
}

Done leave(const Doing& doing) {
  const Request& request = doing.request;
  std::int64_t revision = 0;
  const auto removed = remove_from_list(doing.connection(), request.list, request.role, request.email,
                                        {doing.how(), doing.who.client, doing.context.now}, &revision);
  if (!removed.ok()) return removed.error();
  if (!*removed)
    return Response{Response::Status::kAlready, doing.say("{{email}} is no member of {{list}}"), ""};
  if (request.role != Role::kMember) return Response{Response::Status::kDone, doing.say("Done"), ""};
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
  auto too_often = asked_too_often(doing, request.email);
  if (!too_often.ok()) return too_often.error();
  if (too_often->has_value()) return **too_often;
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
  held.expires = later(doing.context.now, doing.settings.approval_expire);
  ESSAIM_TRY(store.add(held));
  ServiceMail mail;
  mail.message = "invite";
  mail.list = &request.list;
  mail.to = {recipient_of_mail(request.email)};
  mail.reply_to = "confirm+" + held.key;
  mail.replied = false;
  mail.values = doing.values();
  mail.values["key"] = held.key;
  mail.values["link"] = link_to_answer(doing.context.services.site, held.key);
  mail.values["reply_to"] = "confirm+" + held.key + "@" + request.list.domain;
  mail.values["days"] = in_days(doing.settings.approval_expire);
  ESSAIM_TRY(send_service_mail(doing.context, mail));
  return Response{Response::Status::kDone, doing.say("{{email}} was invited to {{list}}"), ""};
}

Done set_options(const Doing& doing) {
  const Request& request = doing.request;
  MemberStore members(doing.connection());
  auto known = members.find(request.list.id, request.role, request.email);
  if (!known.ok()) return known.error();
  if (!known->has_value())
    return Response{Response::Status::kRefused, doing.say("{{email}} is no member of {{list}}"), ""};
  const MemberRecord& member = **known;
  const storage::Reception reception = request.reception.value_or(member.reception);
  if (request.role != Role::kMember && reception != storage::Reception::kEach &&
      reception != storage::Reception::kNone)
    return Response{Response::Status::kRefused, reason_text(doing.who.language, "set_member"), ""};
  // Who changes something else keeps digests, also while there are none to be had.
  if (storage::is_gathered(reception) && reception != member.reception && !doing.settings.digest.is_on())
    return Response{Response::Status::kRefused, doing.say("{{list}} makes no digests"), ""};
  const std::string name = request.new_name ? clean_name(*request.new_name) : member.name;
  const bool conceal = request.options.conceal.value_or(member.conceal);
  const bool privileged = request.options.privileged.value_or(member.privileged);
  const std::string language = request.options.language.value_or(member.language);
  // Also who asks for nothing while stopped has said so.
  const bool says_reception =
      request.reception && (reception != member.reception || member.stopped.has_value());
  if (!says_reception && name == member.name && conceal == member.conceal &&
      privileged == member.privileged && language == member.language)
    return Response{Response::Status::kAlready,
                    doing.say("the options of {{email}} on {{list}} are like that already"), ""};
  if (says_reception)
    ESSAIM_TRY(members.set(request.list.id, request.role, request.email, reception, name));
  else if (name != member.name)
    ESSAIM_TRY(members.set_name(member.id, name));
  ESSAIM_TRY(members.set_conceal(member.id, conceal));
  ESSAIM_TRY(members.set_privileged(member.id, privileged));
  ESSAIM_TRY(members.set_language(member.id, language));
  // With the word that SET takes for how they are had now.
  std::string said = doing.say("the options of {{email}} on {{list}} were changed");
  if (says_reception) said += " (" + std::string(storage::to_string(reception)) + ")";
  return Response{Response::Status::kDone, std::move(said), ""};
}

}  // namespace essaim::lists
