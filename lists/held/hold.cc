// A post that waits: for the moderators, who get it attached, or for its author, who is asked to confirm it.
#include "lists/held/hold.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/base/counters.h"
#include "core/base/encoding.h"
#include "core/base/text.h"
#include "lists/author_plan.h"
#include "lists/held/keys.h"
#include "lists/notices.h"
#include "lists/policies.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"
#include "lists/templates/catalogue.h"
#include "lists/verified.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using scenario::ActionKind;
using storage::HeldKind;
using storage::HeldRecord;

constexpr std::int64_t kMostQuestions = 20;  // an hour, to one address
constexpr std::chrono::hours kAskAgain{1};   // who sends it again has not got the question, perhaps
constexpr const char* kSeen = "seen";        // detail: the key by which it is known again, in base 64
constexpr const char* kSeenAs = "seen_as";   // detail: and under which id

class HoldPlan : public Plan {
 public:
  // `message`: the submission's.
  HoldPlan(std::shared_ptr<const Target> target, Authorised decision, ReadyToWait ready,
           std::string_view message)
      : Plan(std::move(target)),
        decision_(std::move(decision)),
        ready_(std::move(ready)),
        message_(message) {}

  std::vector<Body> bodies() const override {
    std::vector<Body> out = {{id(), storage::Form::kAsIs, message_, true}};
    if (const auto& question = ready_.question) {
      out.push_back({question->post.id, storage::Form::kAsIs, question->message});
      out.push_back({question->post.id, storage::Form::kSevenBit, question->seven_bit});
    }
    return out;
  }

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "held";
    auto list = storage::DirectoryStore(context.connection).find_list_by_id(target().list.id);
    if (!list.ok()) return list.error();
    if (!list->has_value() || (*list)->state != target().list.state ||
        (*list)->address() != target().list.address() || (*list)->settings != target().list.settings ||
        (*list)->domain_settings != target().list.domain_settings ||
        (*list)->policy != target().list.policy || (*list)->domain_policy != target().list.domain_policy) {
      out.stale = true;
      return out;
    }
    bool again = false;
    if (!context.incoming.seen_key.empty()) {
      auto first = remember(context);
      if (!first.ok()) return first.error();
      if (first->has_value()) {
        auto lost = take_over(context, **first);
        if (!lost.ok()) return lost.error();
        again = *lost;
      }
      if (first->has_value() && !again) {
        out.repeated = true;
        out.event = "duplicate";
        out.words = "taken before as " + format_id(**first) + " (duplicate)";
        out.fields = {{"first", format_id(**first)}, {"message-id", context.incoming.message_id}};
        return out;
      }
    }
    WriteContext write{context.services, context.connection, context.now, context.rank};
    write.require_tls = context.submission.require_tls;
    auto asks = asks_whom_it_should(write, target().list.id, ready_);
    if (!asks.ok()) return asks.error();
    if (!*asks) {
      out.stale = true;
      return out;
    }
    const bool confirm = decision_.action.kind == ActionKind::kRequestAuth;
    auto held =
        hold_post(write, **list, context.submission, context.incoming, ready_, id(), id(), context.staged);
    if (!held.ok()) return held.error();
    out.posted = write.posted;
    out.words = (confirm ? "waits for its author's confirmation, as " : "waits for a moderator, as ") +
                format_id(id()) + (again ? " (asked again)" : "");
    out.fields = {{"for", confirm ? "confirmation" : "moderation"},
                  {"from", context.submission.reverse_path.to_string()},
                  {"author", held->author},
                  {"message-id", held->message_id},
                  {"size", held->size},
                  {"rule", decision_.rule}};
    return out;
  }

 private:
  Result<std::optional<Id>> remember(const CommitContext& context) const {
    return storage::PostStore(context.connection)
        .remember(target().list.id, context.incoming.seen_key, id(), context.now);
  }

  // True: what came first has waited for its author's confirmation for a while, and this waits in its place. Who has a copy of
  // somebody else's message cannot end that one.
  Result<bool> take_over(const CommitContext& context, Id first) const {
    const Incoming& incoming = context.incoming;
    if (decision_.action.kind != ActionKind::kRequestAuth || !incoming.author ||
        !rules::disowned(context.submission, incoming).empty())
      return false;
    storage::HeldStore store(context.connection);
    auto waiting = store.find(first);
    if (!waiting.ok()) return waiting.error();
    if (!waiting->has_value() || (*waiting)->kind != HeldKind::kConfirmation ||
        context.now < (*waiting)->held + kAskAgain ||
        !equals_ignoring_case((*waiting)->author, incoming.author->to_string()))
      return false;
    auto ours = store.decide(first, storage::HeldState::kExpired, context.now, "", "asked again");
    if (!ours.ok() || !*ours) return ours;
    // Not may_come_again(): what was held by an earlier version does not say its key.
    ESSAIM_TRY(storage::PostStore(context.connection).forget(target().list.id, incoming.seen_key, first));
    auto taken = remember(context);
    if (!taken.ok()) return taken.error();
    // The first has ended: without this one in its place nobody would be asked.
    if (taken->has_value())
      return Error{ErrorCode::kTemporary, "the key of " + format_id(first) + " cannot be freed"};
    return true;
  }

  const Authorised decision_;
  const ReadyToWait ready_;
  const std::string_view message_;
};

HeldRecord record_of(const storage::ListRecord& list, const Submission& submission, const Incoming& incoming,
                     const Authorised& decision, WallTime now) {
  HeldRecord held;
  held.key = new_key();
  held.list_id = list.id;
  held.list_address = list.address();
  held.sender = submission.reverse_path.to_string();
  held.author = incoming.author ? incoming.author->to_string() : "";
  held.message_id = incoming.message_id;
  held.subject = incoming.subject;
  held.size = static_cast<std::int64_t>(submission.content.size());
  held.client = submission.client;
  held.rule = decision.rule;
  held.held = now;
  if (!incoming.seen_key.empty()) held.details[kSeen] = base64_encoded(incoming.seen_key);
  held.details["client_ip"] = submission.client_ip;
  held.details["received"] = submission.received_header;
  keep_verified(submission, incoming, &held);
  held.details["authserv_id"] = submission.authserv_id;
  held.details["auth"] = scenario::to_string(submission.auth);
  if (!submission.account().empty()) held.details["account"] = submission.account();
  if (submission.smtputf8) held.details["smtputf8"] = "1";
  if (submission.require_tls) held.details["requiretls"] = "1";
  if (submission.trusted_sealer) held.details["trusted_sealer"] = "1";
  if (submission.from_our_lists) held.details["from_our_lists"] = "1";
  if (decision.action.then) held.details["then"] = scenario::to_string(*decision.action.then);
  // Who is not the author would get answers to what somebody else wrote, and what a filter doubts is often of such; a machine
  // gets none (RFC 3834 §2).
  if (decision.action.quiet || !submission.held_by.empty() ||
      !rules::disowned(submission, incoming).empty() || is_automatic(submission, incoming))
    held.details["quiet"] = "1";
  return held;
}

}  // namespace

Result<ReadyToWait> make_ready_to_wait(WriteContext& context, const storage::ListRecord& list,
                                       const Submission& submission, const Incoming& incoming,
                                       const Authorised& decision, Treatment treatment) {
  const ListSettings settings = settings_of(list);
  ReadyToWait out{record_of(list, submission, incoming, decision, context.now)};
  HeldRecord& held = out.held;
  if (treatment != Treatment::kKeep) held.details["treatment"] = to_string(treatment);
  const bool confirm = decision.action.kind == ActionKind::kRequestAuth;
  held.kind = confirm ? HeldKind::kConfirmation : HeldKind::kModeration;
  const Duration span = confirm ? settings.confirm_expire : settings.held_expire;
  held.expires = later(context.now, span);
  if (!confirm && settings.approval_remind > Duration::zero())
    held.remind = later(context.now, settings.approval_remind);
  if (confirm) return out;
  const auto others_see = without_bcc(incoming);
  Asking asking;
  asking.message = others_see ? *others_see : submission.content;
  auto question = make_question(context, list, held, asking);
  if (!question.ok()) return question.error();
  out.question = *std::move(question);
  return out;
}

namespace {
// Who may post to the list, in the words of the scenario that has the post wait, as INFO tells them. "": something
// else has it wait.
Result<std::string> who_may_post(WriteContext& context, const storage::ListRecord& list,
                                 const std::string& language, const std::string& rule) {
  if (!rule.starts_with("send.")) return std::string();
  auto scenario = context.services.policies->scenario(&context.connection, list, "send");
  if (!scenario.ok()) return scenario.error();
  return escaped_for_display(translated(language, (*scenario)->title(language)), 200);
}
}  // namespace

Result<HeldRecord> hold_post(WriteContext& context, const storage::ListRecord& list,
                             const Submission& submission, const Incoming& incoming, const ReadyToWait& ready,
                             Id id, Id known_as, bool staged) {
  const ListSettings settings = settings_of(list);
  HeldRecord held = ready.held;
  held.id = id;
  if (held.details.contains(kSeen)) held.details[kSeenAs] = format_id(known_as);
  ESSAIM_TRY(storage::HeldStore(context.connection).add(held, submission.content, staged));
  const bool confirm = held.kind == HeldKind::kConfirmation;
  ServiceMail mail;
  mail.list = &list;
  mail.in_reply_to = held.message_id;
  mail.values = {{"subject", escaped_for_display(held.subject, 200)},
                 {"key", held.key},
                 {"days", in_days(confirm ? settings.confirm_expire : settings.held_expire)},
                 {"rule", held.rule},
                 {"link", link_to_answer(context.services.site, held.key)},
                 {"reply_to", "confirm+" + held.key + "@" + list.domain}};
  if (incoming.author) mail.to = {recipient_of_mail(*incoming.author)};
  if (confirm) {
    mail.message = "confirm_post";
    mail.reply_to = "confirm+" + held.key;
    ESSAIM_TRY(storage::AnswerStore(context.connection).count(ascii_lowered(held.author), context.now));
    ESSAIM_TRY(send_service_mail(context, mail));
    return held;
  }
  if (ready.question) {
    ESSAIM_TRY(store_notice(context.connection, *ready.question, context.rank, staged));
    context.posted = true;
  }
  if (settings.tell_held && !held.details.contains("quiet")) {
    mail.message = "held";
    auto title = who_may_post(context, list, settings.language, held.rule);
    if (!title.ok()) return title.error();
    mail.values["title"] = *std::move(title);
    auto told = storage::AnswerStore(context.connection).count(ascii_lowered(held.author), context.now);
    if (!told.ok()) return told.error();
    if (*told <= kMostQuestions) {
      ESSAIM_TRY(send_service_mail(context, mail));
    } else {
      context.connection.behind_commit([] { count(Counter::kLimitedNotices); });
    }
  }
  return held;
}

Result<bool> asks_whom_it_should(WriteContext& write, Id list_id, const ReadyToWait& ready) {
  if (ready.held.kind != HeldKind::kModeration) return true;
  auto now = people_behind(write, list_id, storage::Role::kEditor);
  if (!now.ok()) return now.error();
  const std::vector<storage::BatchRecipient> nobody;
  const auto& then = ready.question ? ready.question->to : nobody;
  return std::equal(then.begin(), then.end(), now->begin(), now->end(),
                    [](const storage::BatchRecipient& one, const storage::BatchRecipient& other) {
                      return one.local == other.local && one.domain == other.domain;
                    });
}

Id known_as(const HeldRecord& held) {
  return parse_id(held.detail(kSeenAs)).value_or(held.id);
}

Result<void> may_come_again(storage::Connection& connection, const HeldRecord& held) {
  const auto key = base64_decoded(held.detail(kSeen));
  if (!key || key->empty()) return {};  // it cannot be told from others
  return storage::PostStore(connection).forget(held.list_id, *key, known_as(held));
}

Result<Planned> plan_hold(const PlanContext& context, std::shared_ptr<const Target> target,
                          Authorised decision, Treatment treatment) {
  if (decision.action.kind == ActionKind::kRequestAuth) {
    if (!context.incoming.author || is_automatic(context.submission, context.incoming))
      return Planned{nullptr, refusal(550, "5.7.1", "a machine's mail cannot be confirmed", "automatic"),
                     "automatic"};
    auto asked =
        storage::AnswerStore(context.connection)
            .counted(ascii_lowered(context.incoming.author->to_string()), context.services.clock->wall_now());
    if (!asked.ok()) return asked.error();
    if (*asked >= kMostQuestions)
      return Planned{
          nullptr,
          refusal(450, "4.7.1",
                  "too many messages of yours wait for your confirmation: answer the questions that you "
                  "got, or try again in an hour",
                  "rate"),
          "rate"};
  }
  WriteContext reading{context.services, context.connection, context.services.clock->wall_now()};
  reading.require_tls = context.submission.require_tls;
  auto ready =
      make_ready_to_wait(reading, target->list, context.submission, context.incoming, decision, treatment);
  if (!ready.ok()) return ready.error();
  Planned planned;
  planned.plan = std::make_unique<HoldPlan>(std::move(target), std::move(decision), *std::move(ready),
                                            context.submission.content);
  return planned;
}

}  // namespace essaim::lists
