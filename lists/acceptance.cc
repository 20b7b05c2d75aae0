#include "lists/acceptance.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "core/base/crash_point.h"
#include "core/base/gathered_wakes.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/answers_apart.h"
#include "lists/dsn_request.h"
#include "lists/incoming.h"
#include "lists/known_facts.h"
#include "lists/plan.h"
#include "lists/refusal.h"
#include "lists/sender_report.h"
#include "lists/staging.h"
#include "storage/account_store.h"
#include "storage/database.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;

constexpr int kMaxRounds = 3;
constexpr std::size_t kDecidedAtOnce = 64U << 10;  // octets: more would keep the caller's thread too long

// One submission on its way; kept alive by the works and callbacks that carry it. Only one thread has it at a
// time.
class Round : public std::enable_shared_from_this<Round> {
 public:
  Round(const Services& services, std::uint64_t most_octets, std::shared_ptr<KnownFacts> facts,
        std::shared_ptr<Submission> submission, Acceptance::Done done)
      : services_(services),
        most_octets_(most_octets),
        facts_(std::move(facts)),
        submission_(std::move(submission)),
        done_(std::move(done)) {}

  void begin() {
    if (plan_by_what_is_known()) {
      ++rounds_;
      if (services_.sources) answers_ = services_.sources->answers();
      return decided({});
    }
    decide();
  }

 private:
  void decide() {
    ++rounds_;
    if (services_.sources) answers_ = services_.sources->answers();
    (services_.database->*(latest_ ? &storage::Database::read_latest : &storage::Database::read))(
        [self = shared_from_this()](Connection& c) { return self->plan(c); },
        [self = shared_from_this()](Result<void> result) { self->decided(std::move(result)); });
  }

  struct Refused {
    smtp::Reply reply;
    std::string rule;
    std::string target;
    std::string list;
    std::shared_ptr<const Target> which{};
  };

  // False: it is refused.
  bool parse() {
    if (incoming_) return owns_author();
    auto parsed = parse_incoming(*submission_);
    if (parsed.ok()) {
      incoming_ = std::move(*parsed);
      return owns_author();
    }
    refused_.push_back({refusal(554, "5.6.0", parsed.error().message, "malformed"), "malformed", "", ""});
    return false;
  }

  // Whoever has logged in writes in the own name, to whomever it goes; beside others in From, nobody can tell who wrote. Where
  // From names several, the one in Sender counts.
  bool owns_author() {
    if (!submission_->login) return true;
    const auto foreign = [this](const smtp::Address& one) { return !submission_->login->owns(one); };
    const auto in_field = [](const smtp::Address& one, const char* field) {
      return "<" + escaped_for_display(one.to_string(), 256) + "> in " + field +
             " is no address of your account";
    };
    const auto& authors = incoming_->authors;
    const auto in_from = std::find_if(authors.begin(), authors.end(), foreign);
    std::string who;
    if (incoming_->from_names_others)
      who = "From has an entry that is no address and looks like one";
    else if (authors.empty())
      who = "there is not one From field that says which of your addresses you write from";
    else if (in_from != authors.end())
      who = in_field(*in_from, "From");
    else if (incoming_->author && foreign(*incoming_->author))
      who = in_field(*incoming_->author, "Sender");
    else
      return true;
    refused_.push_back({refusal(553, "5.7.1", who, "sender-not-owned"), "sender-not-owned", "", ""});
    return false;
  }

  bool plan_by_what_is_known() {
    if (submission_->recipients.size() != 1 || submission_->content.size() > kDecidedAtOnce) return false;
    const auto& target = submission_->recipients.front().target;
    if (target->kind != TargetKind::kPost || !parse()) return false;
    const auto facts = facts_->find(target->list, *incoming_);
    if (!facts) return false;
    auto planned = plan_post(services_, *submission_, *incoming_, target, *facts);
    if (!planned.ok() || planned->plan == nullptr) return false;
    plans_.push_back(std::move(planned->plan));
    return true;
  }

  Result<void> plan(Connection& connection) {
    plans_.clear();
    refused_.clear();
    if (!parse()) return {};
    relayed_.reset();
    const PlanContext context{services_, connection, *submission_, *incoming_, *facts_, relayed_};
    const auto targets = different_targets();
    if (const auto most = exceeded_by(targets.size())) {
      const std::string why =
          "too large for so many addresses, send it to at most " + std::to_string(*most) + " at a time";
      refused_.push_back({refusal(552, "5.3.4", why, "total-size"), "total-size", "", ""});
      return {};
    }
    for (const auto& target : targets) {
      auto planned = plan_target(context, target);
      if (!planned.ok()) return planned.error();
      if (planned->plan) {
        plans_.push_back(std::move(planned->plan));
      } else {
        refused_.push_back({std::move(planned->refusal), std::move(planned->rule),
                            target->address.to_string(), target->list.id != 0 ? target->list.address() : "",
                            target});
      }
    }
    return {};
  }

  // Each would have a text of its own, and all of them at once. How many there may be, if these are more.
  std::optional<std::uint64_t> exceeded_by(std::size_t targets) const {
    const std::string& content = submission_->content;
    std::uint64_t most = most_targets(2 * content.size(), most_octets_);
    if (targets <= most) return std::nullopt;
    if (!submission_->smtputf8 && is_ascii(content)) most = most_targets(content.size(), most_octets_);
    if (targets <= most) return std::nullopt;
    return most;
  }

  // Two recipients of one transaction may mean the same thing.
  std::vector<std::shared_ptr<const Target>> different_targets() const {
    std::vector<std::shared_ptr<const Target>> out;
    for (const Submission::Recipient& recipient : submission_->recipients) {
      const bool known = std::any_of(out.begin(), out.end(), [&recipient](const auto& other) {
        return mean_the_same(*other, *recipient.target);
      });
      if (!known) out.push_back(recipient.target);
    }
    return out;
  }

  // One reply is for all recipients: a 250 would end the sender's tries for the one that should come later, and nobody
  // would hear of it. So all come again; nothing is stored before. It takes until a name server answers, or until the
  // next hour begins (held/hold.cc); if it takes too long, the sender's own server tells the sender.
  std::vector<Refused>::const_iterator refused_for_now() const {
    return std::find_if(refused_.begin(), refused_.end(),
                        [](const Refused& refused) { return refused.reply.temporary(); });
  }

  void decided(Result<void> result) {
    if (!result.ok()) return trouble(result.error());
    // A member who has just joined, by another host of the database, is no stranger.
    if (!refused_.empty() && services_.database->clustered() && !std::exchange(latest_, true))
      return decide();
    if (const auto later = refused_for_now(); later != refused_.end()) {
      log_refusals();
      return finish(later->reply);
    }
    if (plans_.empty()) {
      log_refusals();
      return finish(refused_.empty() ? smtp::reply(554, "5.5.1", "No valid recipients")
                                     : refused_.front().reply);
    }
    std::stable_partition(plans_.begin(), plans_.end(), [](const auto& plan) { return plan->stores_post(); });
    bool first = true;
    for (const auto& plan : plans_) {
      plan->set_id(first ? submission_->id : services_.ids->next());
      first = false;
    }
    std::vector<Body> bodies;
    for (const auto& plan : plans_)
      for (const Body& body : plan->bodies()) bodies.push_back(body);
    // In a later round too: something is under the submission's id.
    staged_ = staged_ || wants_staging(*services_.database, bodies);
    if (!staged_) return write();
    stage(*services_.database, bodies, [self = shared_from_this()](const Result<void>& staged) {
      if (!staged.ok()) return self->trouble(staged.error());
      self->write();
    });
  }

  void write() {
    services_.database->write(
        storage::Durability::kAccept, [self = shared_from_this()](Connection& c) { return self->store(c); },
        [self = shared_from_this()](Result<void> stored) { self->stored(std::move(stored)); });
  }

  // An account that was locked, deleted or given another password is so for sessions that are open, too, on whatever node: a
  // message that is not stored yet comes too late.
  Result<void> require_login(Connection& connection) {
    login_over_ = false;
    if (!submission_->login) return {};
    auto account = storage::AccountStore(connection).find(submission_->login->account);
    if (!account.ok()) return account.error();
    const WallTime changed = account->has_value() ? (*account)->changed : WallTime{};
    if (changed == submission_->login->changed) return {};
    login_over_ = true;
    return Error{ErrorCode::kConflict, "the account is not as it was at the login"};
  }

  Result<void> store(Connection& connection) {
    committed_.clear();
    stale_ = false;
    ESSAIM_TRY(require_login(connection));
    const CommitContext context{
        services_,        connection, *submission_, *incoming_, services_.clock->wall_now(),
        services_.rank(), staged_,    progress_};
    for (const auto& plan : plans_) {
      auto committed = plan->commit(context);
      if (!committed.ok()) return committed.error();
      if (committed->stale) {
        stale_ = true;
        return Error{ErrorCode::kConflict, "the list changed while a post was decided"};
      }
      const Submission::Recipient& asked = recipient_of(*submission_, plan->target());
      ESSAIM_CHECK(committed->more == nullptr || plans_.size() == 1);
      if (committed->more == nullptr && !committed->repeated && wants_delivered(*submission_, asked)) {
        ESSAIM_TRY(add_delivered_report(services_, connection, *submission_, asked, incoming_->message_id,
                                        context.now, context.rank));
        committed->posted = true;
      }
      committed_.push_back(std::move(*committed));
    }
    if (committed_.front().more == nullptr) ESSAIM_TRY(report_refusals(context));
    ESSAIM_CRASH_POINT("accept.before-commit");
    return {};
  }

  // DESIGN §1: where targets disagree the reply is 250, and of what was refused for good our own people get a report.
  Result<void> report_refusals(const CommitContext& context) {
    if (!submission_->login) return {};
    for (const Refused& refused : refused_) {
      if (refused.which == nullptr) continue;
      ESSAIM_TRY(add_refused_report(services_, context.connection, *submission_,
                                    recipient_of(*submission_, *refused.which), refused.reply,
                                    incoming_->message_id, context.now, context.rank));
      committed_.front().posted = true;
    }
    return {};
  }

  void stored(Result<void> result) {
    if (result.ok() && committed_.front().more != nullptr) return go_on();
    if (result.ok()) return committed();
    if (login_over_ && result.error().code == ErrorCode::kConflict) return log_in_again();
    if (stale_ && result.error().code == ErrorCode::kConflict) {
      // Else it might be read once more as it was, where reads lag.
      latest_ = true;
      if (rounds_ < kMaxRounds) return decide();
      return trouble(result.error());
    }
    // All is in one transaction: any post of it tells whether that was committed.
    for (std::size_t i = 0; i < committed_.size(); ++i)
      if (result.error().code == ErrorCode::kUnknownOutcome && plans_[i]->stores_post() &&
          !committed_[i].repeated)
        return resolve(plans_[i]->id());
    trouble(result.error());
  }

  // What is done stays so if the rest fails: it is asked for again, and does what is left.
  void go_on() {
    ESSAIM_CRASH_POINT("accept.between-commits");
    progress_ = committed_.front().more;
    if (committed_.front().posted && services_.bell) services_.bell();
    write();
  }

  void log_in_again() {
    log::info("login-over", {{"id", format_id(submission_->id)},
                             {"account", submission_->login->account},
                             {"client", submission_->client},
                             {"from", submission_->reverse_path.to_string()}});
    finish(smtp::reply(421, "4.7.0", "Your account has changed since you logged in, log in again"));
  }

  // DESIGN §1: a post under the id of one of these is put in the way. If the id is taken, the commit happened; if not,
  // it cannot happen any more.
  void resolve(Id id) {
    log::warning("commit-unknown", {{"id", format_id(submission_->id)}});
    const auto put_tombstone = [self = shared_from_this(), id](Connection& connection) {
      return storage::PostStore(connection).add_tombstone(id, self->services_.clock->wall_now());
    };
    services_.database->write(
        storage::Durability::kAccept, put_tombstone, [self = shared_from_this()](Result<void> result) {
          if (!result.ok() && result.error().code == ErrorCode::kExists) return self->committed();
          self->trouble(result.ok() ? Error{ErrorCode::kTemporary, "the commit did not happen"}
                                    : result.error());
        });
  }

  void committed() {
    ESSAIM_CRASH_POINT("accept.after-commit");
    log_refusals();
    bool posted = false;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      const Plan& plan = *plans_[i];
      Committed& what = committed_[i];
      posted = posted || what.posted;
      if (what.counted) count(*what.counted);
      std::vector<log::Field> fields = {
          {"id", format_id(plan.id())},
          {"list", plan.target().list.id != 0 ? plan.target().list.address() : ""},
          {"target", to_string(plan.target().kind)},
          {"client", submission_->client}};
      if (plan.id() != submission_->id) fields.emplace_back("submission", format_id(submission_->id));
      for (log::Field& field : what.fields) fields.push_back(std::move(field));
      if (submission_->received != WallTime{})
        fields.emplace_back("delay", Duration(services_.clock->wall_now() - submission_->received));
      log::write(log::Level::kInfo, what.event, fields.data(), fields.size());
    }
    if (posted && services_.bell) services_.bell();
    const std::string& words = committed_.front().words;
    GatheredWakes::at_end(
        [self = shared_from_this(),
         reply = smtp::reply(
             250, "2.0.0",
             "Ok: " + (words.empty() ? "queued as " + format_id(plans_.front()->id()) : words))]() mutable {
          self->finish(std::move(reply));
        });
  }

  // What a rule asks of a stranger's database or directory may be on its way: then it is decided once more when it has come.
  void trouble(const Error& error) {
    const bool may_settle = error.code == ErrorCode::kTemporary && services_.sources != nullptr;
    if (may_settle && settled_++ < kMostSettled &&
        services_.sources->settle(answers_, [self = shared_from_this()] { self->decide(); }))
      return;
    log::warning("not-accepted", {{"id", format_id(submission_->id)},
                                  {"from", submission_->reverse_path.to_string()},
                                  {"error", std::string(to_string(error.code)) + ": " + error.message}});
    finish(storage_trouble(error));
  }

  // Where targets disagree the reply is 250, and a refusal stands here only (DESIGN §1).
  void log_refusals() const {
    for (const Refused& refused : refused_) {
      if (refused.rule == "total-size") count(Counter::kLimitedSizes);
      if (refused.rule == "rate")
        count(refused.which != nullptr && refused.which->kind == TargetKind::kPost
                  ? Counter::kLimitedPosts
                  : Counter::kLimitedCommands);
      log::info("refused", {{"id", format_id(submission_->id)},
                            {"list", refused.list},
                            {"to", refused.target},
                            {"from", submission_->reverse_path.to_string()},
                            {"author", incoming_ && incoming_->author ? incoming_->author->to_string() : ""},
                            {"message-id", incoming_ ? incoming_->message_id : ""},
                            {"client", submission_->client},
                            {"rule", refused.rule},
                            {"reply", refused.reply.to_string()}});
    }
  }

  void finish(smtp::Reply reply) {
    const Acceptance::Done done = std::move(done_);
    done(std::move(reply));
  }

  const Services& services_;
  const std::uint64_t most_octets_;
  const std::shared_ptr<KnownFacts> facts_;
  std::shared_ptr<Submission> submission_;
  Acceptance::Done done_;
  int rounds_ = 0;
  int settled_ = 0;
  std::uint64_t answers_ = 0;  // of strangers, before this round
  bool stale_ = false;
  bool login_over_ = false;
  bool staged_ = false;
  bool latest_ = false;  // what is read must not lag behind
  std::optional<Incoming> incoming_;
  std::vector<std::unique_ptr<Plan>> plans_;
  std::vector<Refused> refused_;
  std::vector<Committed> committed_;
  std::shared_ptr<const Progress> progress_;  // of the one plan
  std::shared_ptr<const Rendered> relayed_;
};

}  // namespace

Acceptance::Acceptance(const Services& services, std::uint64_t most_octets)
    : services_(services), most_octets_(most_octets), facts_(std::make_shared<KnownFacts>()) {}

void Acceptance::submit(std::shared_ptr<Submission> submission, Done done) const {
  // The later ones of several are taken when this object may be no more.
  const auto take = [&services = services_, most = most_octets_, facts = facts_](
                        std::shared_ptr<Submission> one, Done taken) {
    std::make_shared<Round>(services, most, facts, std::move(one), std::move(taken))->begin();
  };
  if (wants_apart(*submission)) return take_apart(services_, std::move(submission), take, std::move(done));
  take(std::move(submission), std::move(done));
}

}  // namespace essaim::lists
