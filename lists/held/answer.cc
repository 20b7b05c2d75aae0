#include "lists/held/answer.h"

#include <utility>
#include <vector>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/blocklist.h"
#include "lists/domain_alone.h"
#include "lists/held/hold.h"
#include "lists/held/keys.h"
#include "lists/held/prepare.h"
#include "lists/held/remind.h"
#include "lists/posting.h"
#include "lists/release.h"
#include "storage/directory_store.h"
#include "storage/held_trail.h"

namespace essaim::lists {
namespace {

using scenario::ActionKind;
using storage::HeldKind;
using storage::HeldRecord;
using storage::HeldState;
using storage::HeldStore;

class Answering {
 public:
  Answering(WriteContext& context, const HeldRecord& held, const Answer& answer, const Requester& who)
      : context_(context), held_(held), answer_(answer), who_(who) {}

  Result<Response> run() {
    if (held_.state != HeldState::kWaiting) return too_late(held_);
    if (held_.expires <= context_.now)
      return Response{Response::Status::kRefused, say("this has expired"), "expired"};
    auto list = list_of(context_.connection, held_);
    if (!list.ok()) return list.error();
    list_ = *std::move(list);
    if (list_.domain.empty())
      return Response{Response::Status::kRefused, say("there is no such key"), "no-list"};
    Result<Response> out = held_.is_post() ? post() : request();
    if (out.ok()) out->decided = decided_;
    if (out.ok() && out->status != Response::Status::kAlready) note(*out);
    return out;
  }

 private:
  std::string say(std::string_view english, Values values = {}) const {
    values["list"] = held_.list_address;
    return phrase(who_.language, english, values);
  }

  Response too_late(const HeldRecord& held) const {
    std::string text = what_became_of(held, context_.now, who_.language);
    // A transaction that began before the other's ended may still see it wait.
    if (text.empty()) text = say("this was done already");
    return {Response::Status::kAlready, std::move(text), "decided"};
  }

  // False: somebody was first, and *out says what became of it.
  Result<bool> decide(HeldState state, Response* out) {
    return decide(state, who_.name(), answer_.reason, out);
  }
  Result<bool> decide(HeldState state, const std::string& by, const std::string& reason, Response* out) {
    auto decided = HeldStore(context_.connection).decide(held_.id, state, context_.now, by, reason);
    if (!decided.ok()) return decided.error();
    ESSAIM_CRASH_POINT("held.decided");
    if (*decided && state != HeldState::kApproved) ESSAIM_TRY(may_come_again(context_.connection, held_));
    if (*decided) return decided_ = true;
    auto now = HeldStore(context_.connection).find(held_.id);
    if (!now.ok()) return now.error();
    *out = now->has_value() ? too_late(**now)
                            : Response{Response::Status::kAlready, say("this was done already"), "decided"};
    return false;
  }

  Result<void> tell_author(std::string_view message) {
    const auto author = smtp::parse_mailbox(held_.author, smtp::LocalPart::kUtf8);
    if (!author.ok()) return {};
    ServiceMail mail;
    mail.message = message;
    mail.list = &list_;
    mail.to = {recipient_of_mail(*author)};
    mail.in_reply_to = held_.message_id;
    mail.require_tls = requires_tls(held_);
    mail.values = {{"subject", escaped_for_display(held_.subject, 200)},
                   {"reason", answer_.reason},
                   {"what", held_.subject}};
    return send_service_mail(context_, mail);
  }

  Response not_allowed(std::string_view reason, std::string rule) const {
    return {Response::Status::kRefused,
            say("not allowed: {{reason}}", {{"reason", reason_text(who_.language, reason)}}),
            std::move(rule)};
  }

  Result<Response> post() {
    Response late;
    const ListSettings settings = settings_of(list_);
    const bool quiet = answer_.quiet || !held_.detail("quiet").empty();
    if (answer_.verdict == Verdict::kReject) {
      auto first = decide(HeldState::kRejected, &late);
      if (!first.ok()) return first.error();
      if (!*first) return late;
      if (answer_.ban) ESSAIM_TRY(ban());
      if (held_.kind == HeldKind::kModeration && settings.tell_rejected && !quiet && !answer_.ban)
        ESSAIM_TRY(tell_author("rejected"));
      return Response{Response::Status::kDone, say("the message was refused"), "key"};
    }
    // Closed since the post came. It waits on: the list may be opened again.
    if (list_.state != storage::ListState::kOpen) return not_allowed("list-not-open", "closed-list");
    const PreparedAnswer* const ready =
        context_.prepared != nullptr ? context_.prepared->find(held_.id, who_.name()) : nullptr;
    Submission submission;
    if (ready == nullptr) {
      auto message = HeldStore(context_.connection).message(held_.id);
      if (!message.ok()) {
        if (message.error().code == ErrorCode::kNotFound) return what_became();
        return message.error();
      }
      submission = submission_of(held_, *std::move(message));
    }
    if (held_.kind == HeldKind::kConfirmation) return confirmed(std::move(submission), ready);
    auto first = decide(HeldState::kApproved, &late);
    if (!first.ok()) return first.error();
    if (!*first) return late;
    submission.validated_by = who_.name();
    ESSAIM_TRY(let_go(std::move(submission), ready));
    if (settings.tell_approved && !quiet) ESSAIM_TRY(tell_author("approved"));
    return Response{Response::Status::kDone, say("the message goes to {{list}}"), "key"};
  }

  // As it was prepared, if that fits still.
  Result<void> let_go(Submission submission, const PreparedAnswer* ready) {
    if (ready != nullptr && ready->release) {
      auto gone = commit_release(context_, *ready->release, ready->submission, ready->incoming, held_.id,
                                 context_.prepared->staged);
      if (!gone.ok()) return gone.error();
      if (*gone) return goes_on_as(ready->release->id());
    }
    if (ready != nullptr) submission = ready->submission;
    return release(context_, list_, std::move(submission), held_.id);
  }

  // People were told the id under which it waited.
  Result<void> goes_on_as(Id id) {
    became_ = id;
    return storage::leave_trail(context_.connection, held_, id);
  }

  Result<Response> what_became() {
    auto now = HeldStore(context_.connection).find(held_.id);
    if (!now.ok()) return now.error();
    if (now->has_value() && (*now)->state != HeldState::kWaiting) return too_late(**now);
    return Error{ErrorCode::kDamaged, "the message of " + format_id(held_.id) + " is gone"};
  }

  // The author has confirmed. `own` is the submission where nothing is ready.
  Result<Response> confirmed(Submission own, const PreparedAnswer* ready) {
    std::optional<Incoming> parsed;
    if (ready == nullptr) {
      own.auth = scenario::Auth::kMd5;
      own.confirmed = true;
      auto incoming = parse_incoming(own);
      if (!incoming.ok()) return incoming.error();
      parsed = *std::move(incoming);
    }
    const Submission& submission = ready != nullptr ? ready->submission : own;
    const Incoming& incoming = ready != nullptr ? ready->incoming : *parsed;
    const auto decision = what_follows(context_, held_, list_, submission, incoming);
    if (!decision.ok()) return decision.error();
    Response late;
    auto first = decision->action.kind == ActionKind::kReject
                     ? decide(HeldState::kRejected, decision->rule,
                              reason_text("en", reason_of(decision->action)), &late)
                     : decide(HeldState::kApproved, &late);
    if (!first.ok()) return first.error();
    if (!*first) return late;
    switch (decision->action.kind) {
      case ActionKind::kDoIt:
        ESSAIM_TRY(let_go(std::move(own), ready));
        return Response{Response::Status::kDone, say("the message goes to {{list}}"), decision->rule};
      case ActionKind::kReject:
        return not_allowed(reason_of(decision->action), decision->rule);
      default: {
        ESSAIM_TRY(hold_again(submission, incoming, *decision, ready));
        return Response{Response::Status::kWaits, say("your message to {{list}} waits for a moderator"),
                        decision->rule};
      }
    }
  }

  // For the moderators: as it was prepared, if that fits still.
  Result<void> hold_again(const Submission& submission, const Incoming& incoming, const Authorised& decision,
                          const PreparedAnswer* ready) {
    const Id first = known_as(held_);
    if (ready != nullptr && ready->waits && is_as_it_was(ready->list)) {
      auto same = asks_whom_it_should(context_, list_.id, *ready->waits);
      if (!same.ok()) return same.error();
      if (*same) {
        auto waits = hold_post(context_, list_, submission, incoming, *ready->waits, ready->id, first,
                               context_.prepared->staged);
        return waits.ok() ? goes_on_as(ready->id) : waits.error();
      }
    }
    const auto made = make_ready_to_wait(context_, list_, submission, incoming, decision,
                                         submission.treatment.value_or(Treatment::kKeep));
    if (!made.ok()) return made.error();
    const Id id = context_.services.ids->next();
    auto waits = hold_post(context_, list_, submission, incoming, *made, id, first, false);
    return waits.ok() ? goes_on_as(id) : waits.error();
  }

  bool is_as_it_was(const storage::ListRecord& then) const {
    return then.address() == list_.address() && then.settings == list_.settings &&
           then.domain_settings == list_.domain_settings && then.policy == list_.policy &&
           then.domain_policy == list_.domain_policy;
  }

  Result<Response> request() {
    Response late;
    const HeldState state =
        answer_.verdict == Verdict::kApprove ? HeldState::kApproved : HeldState::kRejected;
    auto first = decide(state, &late);
    if (!first.ok()) return first.error();
    if (!*first) return late;
    auto request = request_of(held_.details, list_);
    if (!request.ok()) return request.error();
    if (answer_.verdict == Verdict::kReject) {
      if (held_.confirmer().empty() && !answer_.quiet) {
        const auto asker = smtp::parse_mailbox(held_.author, smtp::LocalPart::kUtf8);
        ServiceMail mail;
        mail.message = "declined";
        mail.list = &list_;
        mail.language = held_.detail("language");
        if (asker.ok()) mail.to = {recipient_of_mail(*asker)};
        mail.values = {{"what", described(*request, mail.language.empty() ? "en" : mail.language)},
                       {"reason", answer_.reason}};
        ESSAIM_TRY(send_service_mail(context_, mail));
      }
      return Response{Response::Status::kDone, say("this was declined"), "key"};
    }
    return carry_out(context_, *request, requester());
  }

  // In whose name a request that waited is carried out.
  Requester requester() const {
    Requester as;
    const bool by_others = held_.confirmer().empty();
    const auto asker = smtp::parse_mailbox(held_.author, smtp::LocalPart::kUtf8);
    const auto speaker =
        smtp::parse_mailbox(by_others ? held_.author : held_.confirmer(), smtp::LocalPart::kUtf8);
    if (speaker.ok()) as.address = *speaker;
    as.client = who_.client;
    as.remote_address = held_.detail("client_ip");  // rules on networks are about who asked
    as.language = who_.language;
    as.language_is_assumed = who_.language_is_assumed;
    as.in_reply_to = who_.in_reply_to;
    as.auth = scenario::Auth::kMd5;
    if (by_others) {
      as.approved_by = "approved by " + who_.name();
      as.language = held_.detail("language");
      as.language_is_assumed = false;
    } else if (held_.kind == HeldKind::kInvitation) {
      as.approved_by = "invited by " + held_.author;
    } else {
      as.sender_confirmed = true;
      // The answer goes to who sends the key, which need not be the one who got it.
      as.is_vouched_for = who_.is_vouched_for || (who_.address.domain == as.address.domain &&
                                                  who_.address.local_key() == as.address.local_key());
      as.email_confirmed = held_.detail("asked") == "email";
      // Who asked is answered as they asked; a mail that confirms may say nothing of languages. A browser does.
      const std::string language = held_.detail("language");
      if (!language.empty() && asker.ok() && as.address == *asker && answer_.by != "link") {
        as.language = language;
        as.language_is_assumed = false;
      }
      const std::string then = held_.detail("then");
      if (then == "do_it")
        as.approved_by = held_.rule;
      else
        as.then = then;
    }
    return as;
  }

  // The author alone: an address that reads as a pattern was chosen by somebody who wants others blocked.
  Result<void> ban() {
    if (!can_be_blocked(held_.author)) {
      log::warning("not-blocked", {{"id", format_id(held_.id)}, {"author", held_.author}});
      return {};
    }
    auto changed =
        change_blocklist(context_.connection, list_, held_.author, true, context_.now, who_.name());
    return changed.ok() ? Result<void>() : changed.error();
  }

  void note(const Response& response) const {
    const char* const answer = answer_.verdict == Verdict::kApprove ? "approve"
                               : answer_.ban                        ? "ban"
                                                                    : "reject";
    std::vector<log::Field> fields = {{"id", format_id(held_.id)},
                                      {"list", held_.list_address},
                                      {"what", held_.is_post() ? std::string("post") : held_.detail("verb")},
                                      {"answer", answer},
                                      {"by", who_.name()},
                                      {"how", answer_.by},
                                      {"client", who_.client},
                                      {"rule", response.rule},
                                      {"reason", answer_.reason}};
    if (became_ != 0) fields.emplace_back("became", format_id(became_));
    context_.connection.behind_commit([fields = std::move(fields)] {
      log::write(log::Level::kInfo, "answered", fields.data(), fields.size());
    });
  }

  WriteContext& context_;
  const HeldRecord& held_;
  const Answer& answer_;
  const Requester& who_;
  storage::ListRecord list_;
  bool decided_ = false;
  Id became_ = 0;  // under which id it goes on, if that is another
};

}  // namespace

std::string what_became_of(const HeldRecord& held, WallTime now, std::string_view language) {
  const auto say = [&](std::string_view english) {
    return phrase(language, english, {{"who", held.decided_by}});
  };
  switch (held.state) {
    case HeldState::kWaiting:
      return held.expires <= now ? say("this has expired") : "";
    case HeldState::kExpired:
      return say("this has expired");
    case HeldState::kRejected:
      return say("this was declined already by {{who}}");
    case HeldState::kApproved:
      break;
  }
  return held.confirmer().empty() ? say("this was approved already by {{who}}")
                                  : say("this was done already");
}

Result<storage::ListRecord> list_of(storage::Connection& connection, const HeldRecord& held) {
  storage::ListRecord out;
  storage::DirectoryStore directory(connection);
  if (held.list_id != 0) {
    auto list = directory.find_list_by_id(held.list_id);
    if (!list.ok()) return list.error();
    if (list->has_value()) out = std::move(**list);
    return out;
  }
  auto domain = directory.find_domain(held.detail("domain"));
  if (!domain.ok()) return domain.error();
  return domain->has_value() ? domain_alone(**domain) : out;
}

Result<Response> answer_held(WriteContext& context, const HeldRecord& held, const Answer& answer,
                             const Requester& who) {
  return Answering(context, held, answer, who).run();
}

Result<void> expire_or_remind(WriteContext& context, const HeldRecord& held, WallTime* beside) {
  *beside = {};
  HeldStore store(context.connection);
  auto found = list_of(context.connection, held);
  if (!found.ok()) return found.error();
  const storage::ListRecord& list = *found;
  const bool deciders = held.confirmer().empty();
  if (held.expires <= context.now) {
    auto decided = store.decide(held.id, HeldState::kExpired, context.now, "", "");
    if (!decided.ok()) return decided.error();
    if (!*decided) return {};
    ESSAIM_TRY(may_come_again(context.connection, held));
    context.connection.behind_commit([id = held.id, address = held.list_address, by = held.author] {
      log::info("held-expired", {{"id", format_id(id)}, {"list", address}, {"author", by}});
    });
    // Who did not confirm was not meant, or does not care; who waits for others wants to know.
    const auto author = smtp::parse_mailbox(held.author, smtp::LocalPart::kUtf8);
    if (!deciders || list.domain.empty() || !author.ok() || !held.detail("quiet").empty()) return {};
    ServiceMail mail;
    mail.message = "expired";
    mail.list = &list;
    mail.language = held.detail("language");
    mail.to = {recipient_of_mail(*author)};
    mail.in_reply_to = held.message_id;
    mail.require_tls = requires_tls(held);
    mail.replied = false;
    const std::string language = mail.language.empty() ? settings_of(list).language : mail.language;
    std::string what = held.subject;
    if (held.is_post()) {
      what = phrase(language, "post \"{{subject}}\" to {{list}}",
                    {{"subject", escaped_for_display(held.subject, 200)}, {"list", held.list_address}});
    } else if (auto request = request_of(held.details, list); request.ok()) {
      what = described(*request, language);
    }
    mail.values = {{"what", what}};
    return send_service_mail(context, mail);
  }
  const Duration every = settings_of(list).approval_remind;
  const WallTime next =
      every > Duration::zero() && !list.domain.empty() ? later(context.now, every) : WallTime{};
  auto ours = store.reminded(held, next);
  if (!ours.ok()) return ours.error();
  if (!*ours || next == WallTime{} || !deciders) return {};
  if (held.is_post()) {
    const auto more = store.remind_together(held, next);
    if (!more.ok()) return more.error();
    if (*more) *beside = next;
    return remind_moderators(context, list, held);
  }
  Asking asking;
  asking.reminder = true;
  return ask_deciders(context, list, held, asking);
}

}  // namespace essaim::lists
