#include <algorithm>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/authorisation.h"
#include "lists/requests/renaming.h"
#include "lists/requests/verbs.h"
#include "lists/scenario/source_filter.h"
#include "lists/setting_rights.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using scenario::ActionKind;
using storage::Role;

bool is_same_person(const smtp::Address& one, const smtp::Address& other) {
  return one.domain == other.domain && one.local_key() == other.local_key();
}

Done do_it(const Doing& doing) {
  switch (doing.request.verb) {
    case Verb::kSubscribe:
    case Verb::kAdd:
      return join(doing);
    case Verb::kUnsubscribe:
    case Verb::kDelete:
      return leave(doing);
    case Verb::kInvite:
      return invite(doing);
    case Verb::kSet:
      return set_options(doing);
    case Verb::kReview:
      return review(doing);
    case Verb::kInfo:
      return info(doing);
    case Verb::kStats:
      return stats(doing);
    case Verb::kRemind:
      return remind(doing);
    case Verb::kRemindAll:
      return remind_all(doing);
    case Verb::kModIndex:
      return modindex(doing);
    case Verb::kWhich:
      return which(doing);
    case Verb::kLists:
      return name_lists(doing);
    case Verb::kCreate:
      return create(doing);
    case Verb::kConfigure:
      return configure(doing);
    case Verb::kDeleteList:
      return delete_list(doing);
    case Verb::kClose:
    case Verb::kOpen:
      return set_state(doing);
    case Verb::kRename:
      return rename(doing);
    case Verb::kForgetName:
      return forget_name(doing);
    case Verb::kMoveUser:
      return move_user(doing);
    case Verb::kCreateDomain:
      return create_domain(doing);
    case Verb::kConfigureDomain:
      return configure_domain(doing);
    case Verb::kDeleteDomain:
      return delete_domain(doing);
    case Verb::kAddListmaster:
    case Verb::kRemoveListmaster:
      return change_listmaster(doing);
    case Verb::kSetText:
      return set_text(doing);
    case Verb::kDeleteText:
      return delete_text(doing);
    case Verb::kBlock:
    case Verb::kUnblock:
      return change_block(doing);
  }
  return Error{ErrorCode::kInternal, "a request of no known verb"};
}

// Words are the owners'; rules and what they search are for privileged owners. Those filters that have the server ask
// databases and directories, and read files, are the site's own business.
VerbRow::Right right_to_text(const Request& request) {
  if (request.kind == storage::TextKind::kTemplate) return VerbRow::Right::kOwner;
  return scenario::is_source_filter(request.name) ? VerbRow::Right::kSiteListmaster
                                                  : VerbRow::Right::kPrivilegedOwner;
}

// Where a list is to be that gets another name.
std::string domain_to(const Request& request) {
  return new_address(request.list, request.name).domain;
}

// A list that leaves its domain is for the listmasters of both.
Result<bool> may_take(WriteContext& context, const Request& request, const Requester& who) {
  if (request.verb != Verb::kRename || domain_to(request) == request.list.domain) return true;
  const auto domain = storage::DirectoryStore(context.connection).find_domain(domain_to(request));
  if (!domain.ok()) return domain.error();
  if (!domain->has_value()) return true;  // of which it is told
  return is_listmaster(context.connection, (*domain)->id, who.address);
}

// What the verb needs, and what is to be changed by it.
VerbRow::Right right_for(const Request& request, const Requester& who) {
  VerbRow::Right out = row_of(request.verb).right;
  if (request.verb == Verb::kSetText || request.verb == Verb::kDeleteText)
    out = std::max(out, right_to_text(request));
  // Beyond one list it takes a listmaster.
  if (request.list.local.empty() && out >= VerbRow::Right::kOwner)
    out = std::max(
        out, request.list.domain_id == 0 ? VerbRow::Right::kSiteListmaster : VerbRow::Right::kListmaster);
  // Members change their own options; those of others are for owners.
  if (request.verb == Verb::kSet && !is_same_person(request.email, who.address))
    out = std::max(out, VerbRow::Right::kOwner);
  if (request.verb == Verb::kRename && domain_to(request) != request.list.domain)
    out = std::max(out, VerbRow::Right::kListmaster);
  for (const auto& [name, value] : request.changes) out = std::max(out, right_to_set(name));
  const bool of_roles = request.role != Role::kMember || request.options.privileged.has_value();
  return of_roles ? std::max(out, VerbRow::Right::kPrivilegedOwner) : out;
}

// Rights that are no scenario's business in Sympa either.
Result<Authorised> by_right(WriteContext& context, const Request& request, const Requester& who,
                            VerbRow::Right right) {
  Authorised out;
  out.rule = "right";
  out.action.kind = ActionKind::kDoIt;
  if (right == VerbRow::Right::kAnyone) return out;
  storage::MemberStore members(context.connection);
  const auto has = [&](Role role) { return members.find(request.list.id, role, who.address); };
  bool allowed = false;
  if (right == VerbRow::Right::kMember) {
    auto member = has(Role::kMember);
    if (!member.ok()) return member.error();
    allowed = member->has_value();
    out.action.reason = "set_member";
  } else {
    auto owner = has(Role::kOwner);
    if (!owner.ok()) return owner.error();
    const bool privileged = owner->has_value() && (*owner)->privileged;
    allowed = right >= VerbRow::Right::kListmaster        ? false
              : right == VerbRow::Right::kPrivilegedOwner ? privileged
                                                          : owner->has_value();
    if (!allowed && right == VerbRow::Right::kEditor) {
      auto editor = has(Role::kEditor);
      if (!editor.ok()) return editor.error();
      allowed = editor->has_value();
    }
    if (!allowed) {
      auto master =
          is_listmaster(context.connection,
                        right == VerbRow::Right::kSiteListmaster ? 0 : request.list.domain_id, who.address);
      if (!master.ok()) return master.error();
      const auto there = may_take(context, request, who);
      if (!there.ok()) return there.error();
      allowed = *master && *there;
    }
    out.action.reason = right == VerbRow::Right::kEditor       ? "moderators_only"
                        : right >= VerbRow::Right::kListmaster ? "listmasters_only"
                                                               : "owners_only";
    // From can be forged, and what cannot be taken back easily is not done on its word.
    if (allowed && right >= VerbRow::Right::kOwner && who.auth == scenario::Auth::kSmtp &&
        !who.sender_confirmed) {
      const bool can_wait = request.text.empty() && request.list.domain_id != 0;
      out.action.kind = can_wait ? ActionKind::kRequestAuth : ActionKind::kReject;
      if (!can_wait) out.action.reason = "not_by_from";
      return out;
    }
  }
  if (!allowed) out.action.kind = ActionKind::kReject;
  return out;
}

Result<Authorised> allowed(WriteContext& context, const Request& request, const Requester& who) {
  Authorised out;
  out.action.kind = ActionKind::kDoIt;
  if (who.is_operator) {
    out.rule = "operator";
    return out;
  }
  if (!who.approved_by.empty()) {
    out.rule = who.approved_by;
    return out;
  }
  if (!who.then.empty()) {
    out.rule = "confirmed";
    out.action.kind = who.then == "listmaster" ? ActionKind::kListmaster : ActionKind::kOwner;
    return out;
  }
  const VerbRow& row = row_of(request.verb);
  const VerbRow::Right right = right_for(request, who);
  if (row.function.empty() || right >= VerbRow::Right::kPrivilegedOwner)
    return by_right(context, request, who, right);
  const std::string sender = ascii_lowered(who.address.to_string());
  const std::string email = ascii_lowered(request.email.to_string());
  const std::string previous = ascii_lowered(request.previous.to_string());
  scenario::Question question;
  question.sender = sender.empty() ? std::string_view("nobody") : std::string_view(sender);
  question.email = email;
  question.previous_email = previous;
  question.listname = request.list.local;
  question.domain = request.list.domain;
  question.auth = who.auth;
  question.sender_confirmed = who.sender_confirmed;
  question.email_confirmed = who.email_confirmed;
  question.remote_address = who.remote_address;
  question.now = context.now;
  return authorise(context.services, &context.connection, request.list, row.function, question);
}

// A From that nobody vouches for may be of somebody who asked for nothing. The names of all members go to whom the question has
// reached: who has the key sends it from that address, or from one that is vouched for. And a member who may not leave so would hear
// nothing of it: the question reaches who has the mailbox, and what they answer is answered.
Result<void> ask_first(WriteContext& context, const Request& request, const Requester& who,
                       scenario::Action* action) {
  if (who.is_vouched_for) return {};
  if (request.verb == Verb::kReview && action->kind == ActionKind::kDoIt) {
    action->kind = who.sender_confirmed ? ActionKind::kReject : ActionKind::kRequestAuth;
    action->reason = "not_by_from";
  } else if (request.verb == Verb::kUnsubscribe && action->kind == ActionKind::kReject && who.is_not_told) {
    auto member =
        storage::MemberStore(context.connection).find(request.list.id, Role::kMember, request.email);
    if (!member.ok()) return member.error();
    if (member->has_value()) action->kind = ActionKind::kRequestAuth;
  }
  return {};
}

bool is_about_name(Verb verb) {
  return verb == Verb::kRename || verb == Verb::kForgetName || verb == Verb::kSetText ||
         verb == Verb::kDeleteText || verb == Verb::kBlock || verb == Verb::kUnblock;
}

std::string where(const storage::ListRecord& list) {
  if (!list.local.empty()) return list.address();
  return list.domain.empty() ? "site" : list.domain;
}

// Of those whom this would bring in, the first whose address looks like another one (member_lines.cc); null: none.
const smtp::Address* misleading(const Request& request) {
  switch (request.verb) {
    case Verb::kSubscribe:
    case Verb::kAdd:
    case Verb::kInvite:
    case Verb::kCreate:
    case Verb::kMoveUser:
    case Verb::kAddListmaster:
      break;
    default:
      return nullptr;
  }
  if (!unseen_in(request.email).empty()) return &request.email;
  for (const NewMember& one : request.people)
    if (!unseen_in(one.address).empty()) return &one.address;
  return nullptr;
}

std::string whom(const Request& request) {
  if (request.people.empty()) return request.email.to_string();
  if (request.people.size() == 1) return request.people.front().address.to_string();
  return std::to_string(request.people.size()) + " people";
}

// Besides whom it concerns, for the log: "owner", "send, footer", "welcome.fr".
std::string what_of(const Request& request) {
  std::string out = is_about_name(request.verb)     ? request.name
                    : request.role != Role::kMember ? to_string(request.role)
                                                    : "";
  for (const auto& [name, value] : request.changes) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Done turn_away(const Doing& doing, const smtp::Address& wrong) {
  return Response{
      Response::Status::kRefused,
      doing.say("{{email}} has a character that nobody sees before the @, {{code}}: an address without "
                "it is needed",
                {{"email", escaped_for_display(doing.who.repeated(wrong), 256)}, {"code", unseen_in(wrong)}}),
      "invisible"};
}

// Does it, has it wait, or refuses it, as was decided by `rule`.
Done follow(const Doing& doing, const std::string& rule) {
  const scenario::Action& action = doing.action;
  switch (action.kind) {
    case ActionKind::kDoIt:
      return do_it(doing);
    case ActionKind::kRequestAuth:
      return wait_for_confirmation(doing, rule);
    case ActionKind::kOwner:
    case ActionKind::kEditor:
    case ActionKind::kEditorKey:
      return wait_for_approval(doing, false, rule);
    case ActionKind::kListmaster:
      return wait_for_approval(doing, true, rule);
    default:
      return Response{Response::Status::kRefused,
                      doing.say("not allowed: {{reason}}",
                                {{"reason", reason_text(doing.who.language, reason_of(action))}}),
                      ""};
  }
}

}  // namespace

std::string Doing::how() const {
  if (who.is_operator) return "operator";
  if (!who.approved_by.empty()) return who.approved_by;
  return std::string(row_of(request.verb).name) + " by " + who.address.to_string() + " (" +
         scenario::to_string(who.auth) + (who.sender_confirmed ? ", confirmed)" : ")");
}

Values Doing::values() const {
  Values out = common_values(request.list, settings);
  if (request.list.id == 0 && !request.list.local.empty()) out["list"] = request.list.address();
  out["email"] = request.email.to_string();
  out["name"] = request.name;
  out["previous"] = request.previous.to_string();
  // The operator speaks for the owners.
  out["who"] = who.is_operator ? out["owner"] : who.address.to_string();
  return out;
}

std::string Doing::say(std::string_view english, Values more) const {
  Values all = values();
  all["email"] = who.repeated(request.email);
  for (auto& [name, value] : more) all[name] = std::move(value);
  return phrase(who.language, english, all);
}

Result<void> Doing::tell_owners(std::string_view english) const {
  ServiceMail mail;
  mail.message = "notify";
  mail.list = &request.list;
  auto owners = people_behind(context, request.list.id, storage::Role::kOwner);
  if (!owners.ok()) return owners.error();
  mail.to = std::move(*owners);
  mail.shown_to = request.list.local + "-owner@" + request.list.domain;
  mail.values = values();
  mail.values["event"] = phrase(settings.language, english, values());
  if (who.address == request.email || who.is_operator) mail.values["who"] = "";
  mail.replied = false;
  return send_service_mail(context, mail);
}

Result<void> Doing::tell(std::string_view message, const smtp::Address& to, bool replied) const {
  ServiceMail mail;
  mail.message = message;
  mail.list = &request.list;
  mail.language = to == who.address ? language() : "";
  mail.to = {recipient_of_mail(to)};
  mail.values = values();
  mail.in_reply_to = replied ? who.in_reply_to : "";
  mail.replied = replied;
  return send_service_mail(context, mail);
}

Result<Response> carry_out(WriteContext& context, const Request& request, const Requester& who) {
  const smtp::Address* const wrong = misleading(request);
  if (wrong != nullptr && who.is_operator) return Error{ErrorCode::kInvalid, wrong_with_new_member(*wrong)};
  auto authorised = allowed(context, request, who);
  if (!authorised.ok()) return authorised.error();
  ESSAIM_TRY(ask_first(context, request, who, &authorised->action));
  const Doing doing{context, request, who, authorised->action, settings_of(request.list)};
  Done done = wrong != nullptr ? turn_away(doing, *wrong) : follow(doing, authorised->rule);
  if (!done.ok()) return done.error();
  if (done->status == Response::Status::kDone) ESSAIM_CRASH_POINT("request.done");
  if (done->rule.empty()) done->rule = authorised->rule;
  if (request.dry_run) return done;
  // What was rolled back was not done, and whoever reads the log would believe it.
  context.connection.behind_commit(
      [list = where(request.list), email = whom(request), what = what_of(request),
       verb = row_of(request.verb).name, by = who.is_operator ? "operator" : who.address.to_string(),
       auth = who.is_operator ? "operator" : scenario::to_string(who.auth), client = who.client,
       rule = done->rule, result = to_string(done->status)] {
        log::info("request", {{"verb", verb},
                              {"list", list},
                              {"email", email},
                              {"what", what},
                              {"by", by},
                              {"auth", auth},
                              {"client", client},
                              {"rule", rule},
                              {"result", result}});
      });
  return done;
}

Result<Response> carry_out_for_operator(WriteContext& context, Request request) {
  Requester who;
  who.is_operator = true;
  who.client = "the shell";
  who.language = "en";
  // People are told of what people do (essaim request). But whoever was told to wait hears that it is over.
  if (request.verb != Verb::kDeleteList) request.quiet = true;
  return carry_out(context, request, who);
}

}  // namespace essaim::lists
