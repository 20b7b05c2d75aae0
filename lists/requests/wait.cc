#include "core/base/counters.h"
#include "core/base/text.h"
#include "lists/held/keys.h"
#include "lists/requests/verbs.h"
#include "storage/held_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::HeldKind;
using storage::HeldRecord;
using storage::HeldStore;

HeldRecord record_of(const Doing& doing, HeldKind kind, const std::string& rule) {
  const Request& request = doing.request;
  HeldRecord held;
  held.id = doing.context.services.ids->next();
  held.kind = kind;
  held.key = new_key();
  held.list_id = request.list.id;
  held.list_address = request.list.local.empty() ? request.list.domain : request.list.address();
  held.subject_key = waiting_key(request);
  held.author = doing.who.address.to_string();
  held.subject = described(request, "en");
  held.client = doing.who.client;
  held.rule = rule;
  held.details = details_of(request);
  if (doing.who.sender_confirmed) held.details["sender_confirmed"] = "1";
  held.details["client_ip"] = doing.who.remote_address;
  held.details["language"] = doing.language();
  held.held = doing.context.now;
  return held;
}

Values values_of(const Doing& doing, const HeldRecord& held, Duration span, const std::string& language) {
  Values values = doing.values();
  values["what"] = described(doing.request, language);
  values["key"] = held.key;
  values["days"] = in_days(span);
  values["link"] = link_to_answer(doing.context.services.site, held.key);
  values["reply_to"] = "confirm+" + held.key + "@" + doing.request.list.domain;
  return values;
}

// Within an hour, over all lists: of who is named by others, and of who asks and may leave many lists at once.
constexpr std::int64_t kMostQuestions = 20;
constexpr std::int64_t kMostOwnQuestions = 100;

// Somebody who is no member has nothing to confirm.
Result<bool> has_something_to_leave(const Doing& doing) {
  const Request& request = doing.request;
  if (request.verb != Verb::kUnsubscribe) return true;
  auto member =
      storage::MemberStore(doing.connection()).find(request.list.id, storage::Role::kMember, request.email);
  if (!member.ok()) return member.error();
  return member->has_value();
}

}  // namespace

Result<std::optional<Response>> asked_too_often(const Doing& doing, const smtp::Address& asked) {
  using By = storage::AnswerStore::AskedFor;
  if (doing.who.is_operator || !doing.who.approved_by.empty()) return std::optional<Response>();
  const By by = asked == doing.who.address ? By::kThemselves : By::kByAnother;
  auto number = storage::AnswerStore(doing.connection())
                    .count_question(by, ascii_lowered(asked.to_string()), doing.context.now);
  if (!number.ok()) return number.error();
  if (*number <= (by == By::kThemselves ? kMostOwnQuestions : kMostQuestions))
    return std::optional<Response>();
  doing.connection().behind_commit([] { count(Counter::kLimitedQuestions); });
  return std::optional(Response{
      Response::Status::kRefused,
      phrase(doing.who.language, "{{email}} has been asked too often within the hour, try again later",
             {{"email", doing.who.repeated(asked)}}),
      "rate"});
}

Done wait_for_confirmation(const Doing& doing, const std::string& rule) {
  const bool by_email = doing.action.confirmed_by_email && !doing.request.email.empty();
  const smtp::Address& asked = by_email ? doing.request.email : doing.who.address;
  HeldStore store(doing.connection());
  HeldRecord held = record_of(doing, HeldKind::kRequest, rule);
  held.details["asked"] = by_email ? "email" : "sender";
  if (doing.action.then) held.details["then"] = scenario::to_string(*doing.action.then);
  held.expires = later(doing.context.now, doing.settings.confirm_expire);
  const auto say = [&](std::string_view english) {
    return phrase(doing.who.language, english, {{"email", doing.who.repeated(asked)}});
  };
  const std::string was_asked = say("{{email}} was asked to confirm");
  // Who is on a list, and was asked what, is nobody else's business: who asks for another hears always the same. The rule is for
  // the log.
  const bool for_another = !(asked == doing.who.address);
  const auto not_asked = [&](const char* why) {
    return Response{Response::Status::kAlready, was_asked, why};
  };
  if (for_another) {
    auto concerned = has_something_to_leave(doing);
    if (!concerned.ok()) return concerned.error();
    if (!*concerned) return not_asked("not-a-member");
  }
  auto waiting = store.find_waiting(held.list_id, held.kind, held.subject_key);
  if (!waiting.ok()) return waiting.error();
  // Asked again an hour later, the question may have been lost.
  if (waiting->has_value() && (*waiting)->expires > doing.context.now &&
      doing.context.now < (*waiting)->held + std::chrono::hours(1)) {
    if (for_another) return not_asked("asked-already");
    return Response{Response::Status::kWaits, say("{{email}} has been asked to confirm already"), ""};
  }
  auto too_often = asked_too_often(doing, asked);
  if (!too_often.ok()) return too_often.error();
  if (too_often->has_value()) return for_another ? not_asked("rate") : **too_often;
  if (waiting->has_value()) {
    ESSAIM_TRY(
        store.decide((*waiting)->id, storage::HeldState::kExpired, doing.context.now, "", "asked again"));
  }
  ESSAIM_TRY(store.add(held));
  ServiceMail mail;
  mail.message = "confirm_request";
  mail.list = &doing.request.list;
  mail.language = asked == doing.who.address ? doing.language() : "";
  mail.to = {recipient_of_mail(asked)};
  mail.values = values_of(doing, held, doing.settings.confirm_expire,
                          mail.language.empty() ? doing.settings.language : mail.language);
  mail.reply_to = "confirm+" + held.key;
  mail.in_reply_to = doing.who.in_reply_to;
  ESSAIM_TRY(send_service_mail(doing.context, mail));
  return Response{Response::Status::kWaits, was_asked, ""};
}

Done wait_for_approval(const Doing& doing, bool by_listmasters, const std::string& rule) {
  HeldStore store(doing.connection());
  HeldRecord held = record_of(doing, by_listmasters ? HeldKind::kListmaster : HeldKind::kApproval, rule);
  held.expires = later(doing.context.now, doing.settings.approval_expire);
  if (doing.settings.approval_remind > Duration::zero())
    held.remind = later(doing.context.now, doing.settings.approval_remind);
  Response out{Response::Status::kWaits, "", ""};
  auto waiting = store.find_waiting(held.list_id, held.kind, held.subject_key);
  if (!waiting.ok()) return waiting.error();
  if (waiting->has_value()) {
    out.text = doing.say("the owners of {{list}} have been asked already");
    return out;
  }
  ESSAIM_TRY(store.add(held));
  ESSAIM_TRY(ask_deciders(doing.context, doing.request.list, held));
  out.text = by_listmasters ? doing.say("the listmasters were asked to approve it")
                            : doing.say("the owners of {{list}} were asked to approve it");
  return out;
}

}  // namespace essaim::lists
