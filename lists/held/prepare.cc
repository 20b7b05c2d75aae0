#include "lists/held/prepare.h"

#include <future>
#include <utility>

#include "core/base/log.h"
#include "lists/facts.h"
#include "lists/posting.h"
#include "lists/release.h"
#include "storage/held_store.h"

namespace essaim::lists {
namespace {

using scenario::ActionKind;
using storage::HeldKind;
using storage::HeldState;

std::int64_t small_enough(const storage::Database& database) {
  return database.wants_small_transactions() ? kLargeAnswer : kLargeAnswerInFile;
}

}  // namespace

std::vector<Body> PreparedAnswer::bodies() const {
  if (release) return release->bodies();
  if (!waits) return {};
  std::vector<Body> out = {{id, storage::Form::kAsIs, submission.content, true}};
  if (const auto& question = waits->question) {
    out.push_back({question->post.id, storage::Form::kAsIs, question->message});
    out.push_back({question->post.id, storage::Form::kSevenBit, question->seven_bit});
  }
  return out;
}

const PreparedAnswer* PreparedAnswers::find(Id held, const std::string& by) const {
  for (const auto& one : all)
    if (one->held == held && one->by == by) return one.get();
  return nullptr;
}

std::vector<Body> PreparedAnswers::bodies() const {
  std::vector<Body> out;
  for (const auto& one : all)
    for (const Body& body : one->bodies()) out.push_back(body);
  return out;
}

std::uint64_t PreparedAnswers::octets() const {
  std::uint64_t out = 0;
  for (const auto& one : all) out += one->submission.content.size();
  return out;
}

Result<Authorised> what_follows(WriteContext& context, const storage::HeldRecord& held,
                                const storage::ListRecord& list, const Submission& confirmed,
                                const Incoming& incoming) {
  Authorised decision;
  decision.rule = held.rule;
  if (const std::string then = held.detail("then"); !then.empty()) {
    decision.action.kind = then == "do_it" ? ActionKind::kDoIt : ActionKind::kEditorKey;
  } else {
    auto facts = read_facts(context.connection, list.id, incoming);
    if (!facts.ok()) return facts.error();
    Target target;
    target.list = list;
    auto again = may_post(context.services, &context.connection, confirmed, incoming, target, *facts);
    if (!again.ok()) return again.error();
    decision = *std::move(again);
  }
  if (decision.action.kind != ActionKind::kDoIt && decision.action.kind != ActionKind::kReject)
    decision.action.kind = ActionKind::kEditorKey;
  return decision;
}

Result<void> prepare_answer(WriteContext& reading, const storage::HeldRecord& held, const Answer& answer,
                            const Requester& who, PreparedAnswers* out) {
  if (answer.verdict != Verdict::kApprove || !held.is_post() || held.state != HeldState::kWaiting ||
      held.expires <= reading.now || held.size <= small_enough(*reading.services.database))
    return {};
  if (!out->all.empty() && out->octets() + static_cast<std::uint64_t>(held.size) > kMostPrepared) return {};
  auto list = list_of(reading.connection, held);
  if (!list.ok()) return list.error();
  if (list->domain.empty() || list->state != storage::ListState::kOpen) return {};
  auto message = storage::HeldStore(reading.connection).message(held.id);
  // What cannot be let go is for the transaction to tell.
  if (!message.ok() && message.error().code == ErrorCode::kNotFound) return {};
  if (!message.ok()) return message.error();
  auto ready = std::make_shared<PreparedAnswer>();
  ready->held = held.id;
  ready->by = who.name();
  ready->list = *std::move(list);
  ready->submission = submission_of(held, *std::move(message));
  auto incoming = parse_incoming(ready->submission);
  if (!incoming.ok()) return {};
  ready->incoming = *std::move(incoming);
  ready->id = reading.services.ids->next();
  ActionKind follows = ActionKind::kDoIt;
  if (held.kind == HeldKind::kConfirmation) {
    ready->submission.auth = scenario::Auth::kMd5;
    ready->submission.confirmed = true;
    const auto decision = what_follows(reading, held, ready->list, ready->submission, ready->incoming);
    if (!decision.ok()) return decision.error();
    follows = decision->action.kind;
    if (follows == ActionKind::kReject) return {};
    if (follows == ActionKind::kEditorKey) {
      auto waits = make_ready_to_wait(reading, ready->list, ready->submission, ready->incoming, *decision,
                                      ready->submission.treatment.value_or(Treatment::kKeep));
      if (!waits.ok()) return waits.error();
      ready->waits = *std::move(waits);
    }
  } else {
    ready->submission.validated_by = who.name();
  }
  if (follows == ActionKind::kDoIt) {
    auto plan = plan_release(reading, ready->list, &ready->submission, ready->incoming, ready->id);
    if (!plan.ok() && plan.error().code == ErrorCode::kInvalid) return {};
    if (!plan.ok()) return plan.error();
    ready->release = *std::move(plan);
  }
  out->all.push_back(std::move(ready));
  return {};
}

void prepare_and_stage(const Services& services, Prepare make, std::function<void(PreparedAnswers)> done) {
  const auto made = std::make_shared<PreparedAnswers>();
  const auto without = [](const Error& error) {
    log::info("answer-not-prepared", {{"error", error.message}});
    return PreparedAnswers{};
  };
  storage::Work work = [&services, made, make = std::move(make)](storage::Connection& connection) {
    *made = {};
    WriteContext reading{services, connection, services.clock->wall_now()};
    return make(reading, made.get());
  };
  services.database->read_long(
      storage::Database::How::kLatest, std::move(work),
      [&services, made, without, done = std::move(done)](const Result<void>& result) {
        if (!result.ok()) return done(without(result.error()));
        const std::vector<Body> bodies = made->bodies();
        if (!wants_staging(*services.database, bodies)) return done(std::move(*made));
        stage(*services.database, bodies, [made, without, done](const Result<void>& staged) {
          if (!staged.ok()) return done(without(staged.error()));
          made->staged = true;
          done(std::move(*made));
        });
      });
}

PreparedAnswers prepared_now(const Services& services, Prepare make) {
  std::promise<PreparedAnswers> made;
  prepare_and_stage(services, std::move(make),
                    [&made](PreparedAnswers answers) { made.set_value(std::move(answers)); });
  return made.get_future().get();
}

}  // namespace essaim::lists
