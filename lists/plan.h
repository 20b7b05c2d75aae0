// What is to be done about one target of a submission. Made on a reader thread, where deciding and rendering
// cost nobody else; committed inside the write, which only checks that nothing has changed since and stores.
// Internal to lists/.
//
// A plan is immutable once it has its id: commit() may run more than once (a work is repeated after a
// conflict).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "core/smtp/reply.h"
#include "lists/handlers/handler.h"
#include "lists/incoming.h"
#include "lists/known_facts.h"
#include "lists/recipients.h"
#include "lists/services.h"
#include "lists/staging.h"

namespace essaim::lists {

struct PlanContext {
  const Services& services;
  storage::Connection& connection;
  const Submission& submission;
  const Incoming& incoming;
  KnownFacts& facts;
  std::shared_ptr<const Rendered>&
      relayed;  // the one rendering of all that is relayed; null until it is made
};

// What a plan that takes several transactions has done so far. Immutable.
struct Progress {
  Progress() = default;
  Progress(const Progress&) = default;
  Progress& operator=(const Progress&) = delete;
  virtual ~Progress() = default;
};

struct CommitContext {
  const Services& services;
  storage::Connection& connection;
  const Submission& submission;
  const Incoming& incoming;
  WallTime now{};
  std::int64_t rank = 0;
  bool staged = false;                         // the bodies of the plans were (lists/staging.h)
  std::shared_ptr<const Progress> progress{};  // what the transactions before have done; null in the first
};

// What a commit did; told to the log and the peer when it is durable.
struct Committed {
  bool stale = false;              // the list is not what was decided upon: decide again
  bool posted = false;             // ring the bell
  bool repeated = false;           // it was taken before, and what was asked for was done then
  std::optional<Counter> counted;  // what it is one of
  std::string words;               // of the reply behind "Ok: "; "" for "queued as <id>"
  std::string_view event = "accepted";
  std::vector<log::Field> fields;  // behind id, list and target
  // Not all is done: what is, for the next transaction. Of a plan that is alone in its submission (answers_apart.h).
  std::shared_ptr<const Progress> more{};
};

// Of a message that was queued before, as `first`.
inline Committed duplicate_of(Id first, const CommitContext& context) {
  Committed out;
  out.repeated = true;
  out.counted = Counter::kDuplicates;
  out.words = "queued as " + format_id(first) + " (duplicate)";
  out.event = "duplicate";
  out.fields = {{"first", format_id(first)}, {"message-id", context.incoming.message_id}};
  return out;
}

class Plan {
 public:
  explicit Plan(std::shared_ptr<const Target> target) : target_(std::move(target)) {}
  virtual ~Plan() = default;
  virtual Result<Committed> commit(const CommitContext& context) const = 0;
  // True for those that store a post under their id, unless it was taken before: they come first, and a commit of unknown outcome
  // can be resolved by such an id.
  virtual bool stores_post() const { return false; }
  // What is large of what it will store, under its id or one of its own.
  virtual std::vector<Body> bodies() const { return {}; }

  const Target& target() const { return *target_; }
  Id id() const { return id_; }
  void set_id(Id id) { id_ = id; }

 private:
  std::shared_ptr<const Target> target_;
  Id id_ = 0;
};

// A plan, or the refusal.
struct Planned {
  std::unique_ptr<Plan> plan;  // null: refused
  smtp::Reply refusal;
  std::string rule;
};

// Decided by facts that are known. Only what it accepts is made sure of by the commit, not what it refuses. kConflict:
// the rules ask for more than that.
Result<Planned> plan_post(const Services& services, const Submission& submission, const Incoming& incoming,
                          std::shared_ptr<const Target> target, const Facts& facts);

// post.cc, forward.cc, unsubscribe.cc, bounce_mail.cc, relay.cc
Result<Planned> plan_post(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_forward(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_leave(const PlanContext& context, std::shared_ptr<const Target> target);
// commands/: the robot and LIST-(un)subscribe, LIST-request, answers by key
Result<Planned> plan_commands(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_request_address(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_key(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_bounce(const PlanContext& context, std::shared_ptr<const Target> target);
Result<Planned> plan_relay(const PlanContext& context, std::shared_ptr<const Target> target);

// By the kind of the target. Its list is made sure of first: the one of RCPT may be minutes old.
Result<Planned> plan_target(const PlanContext& context, std::shared_ptr<const Target> target);

}  // namespace essaim::lists
