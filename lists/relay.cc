#include "lists/relay.h"

#include "lists/dsn_request.h"
#include "lists/plan.h"
#include "lists/refusal.h"
#include "lists/render_post.h"
#include "lists/reports.h"
#include "lists/rules/rule.h"
#include "storage/expansion.h"

namespace essaim::lists {
namespace {

constexpr std::chrono::hours kExpire{24 * 5};

class RelayPlan : public Plan {
 public:
  RelayPlan(std::shared_ptr<const Target> target, std::shared_ptr<const Rendered> rendered)
      : Plan(std::move(target)), rendered_(std::move(rendered)) {}

  bool stores_post() const override { return true; }
  std::vector<Body> bodies() const override {
    return {{id(), storage::Form::kAsIs, rendered_->rendering},
            {id(), storage::Form::kSevenBit, rendered_->seven_bit}};
  }

  Result<Committed> commit(const CommitContext& context) const override {
    const Submission& submission = context.submission;
    const Submission::Recipient& asked = recipient_of(submission, target());
    storage::PostRecord post;
    post.id = id();
    post.kind = storage::PostKind::kForward;
    post.sender = submission.reverse_path.to_string();
    post.author = context.incoming.author ? context.incoming.author->to_string() : "";
    post.message_id = context.incoming.message_id;
    post.subject = context.incoming.subject;
    post.size = static_cast<std::int64_t>(rendered_->rendering.size());
    post.client = submission.client;
    post.account = submission.login->account;
    post.accepted = context.now;
    post.staged = context.staged;
    post.expires = context.now + kExpire;
    post.priority = 0;
    post.mode = storage::CopyMode::kCommon;
    post.envelope_sender = post.sender;
    post.eight_bit = rendered_->eight_bit;
    post.smtputf8 = rendered_->smtputf8;
    post.target = target().address.to_string();
    post.dsn = dsn_request(submission, asked);
    post.tls = context.incoming.tls;
    post.explanation = "account " + submission.login->account;
    ESSAIM_TRY(storage::add_expanded(context.connection, &post, rendered_->rendering, rendered_->seven_bit,
                                     context.rank, {{0, target().address.local, target().address.domain}}));
    ESSAIM_TRY(expect_reports(context.connection, post, context.services.reporting.delay));
    Committed out;
    out.posted = true;
    out.fields = {{"account", submission.login->account},
                  {"from", post.sender},
                  {"author", post.author},
                  {"to", post.target},
                  {"message-id", post.message_id},
                  {"size", post.size}};
    return out;
  }

 private:
  const std::shared_ptr<const Rendered> rendered_;
};

}  // namespace

std::shared_ptr<const Target> relay_target(const smtp::Address& recipient) {
  auto target = std::make_shared<Target>();
  target->kind = TargetKind::kRelay;
  target->address = recipient;
  return target;
}

bool is_relayed(const storage::PostRecord& post) {
  // Other forwards have an envelope sender of ours for each of the people behind an address.
  return post.kind == storage::PostKind::kForward && post.mode == storage::CopyMode::kCommon;
}

Result<Planned> plan_relay(const PlanContext& context, std::shared_ptr<const Target> target) {
  const auto refused = [](smtp::Reply reply, std::string_view rule) {
    return Planned{nullptr, std::move(reply), std::string(rule)};
  };
  // It was looked at when the recipient was named, and nobody else gets such a target: this is the second lock.
  if (!context.submission.login || !context.submission.login->may_relay)
    return refused(refusal(550, "5.7.1", "relaying denied", "relay"), "relay");
  const Facts nothing;
  const Disposition disposition =
      decide(relay_rules(), {context.submission, context.incoming, *target, nothing});
  if (disposition.kind == Disposition::Kind::kReject) return refused(disposition.reply, disposition.rule);
  if (!context.relayed) {
    auto rendered = render_relayed(context.services, context.submission, context.incoming, *target);
    if (!rendered.ok())
      return refused(refusal(554, "5.6.0", rendered.error().message, "malformed"), "malformed");
    context.relayed = std::make_shared<const Rendered>(*std::move(rendered));
  }
  Planned planned;
  planned.plan = std::make_unique<RelayPlan>(std::move(target), context.relayed);
  return planned;
}

}  // namespace essaim::lists
