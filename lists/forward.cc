// Mail for the people behind a list or the site: owners, editors, postmaster, abuse. Passed on as it is, with
// a Received and a loop mark. A null sender stays null (a bounce for humans); anything else comes back to us
// under VERP.
#include <algorithm>

#include "lists/dsn_request.h"
#include "lists/people.h"
#include "lists/plan.h"
#include "lists/refusal.h"
#include "lists/render_post.h"
#include "lists/reports.h"
#include "lists/rules/rule.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::BatchRecipient;
using storage::Role;

constexpr std::chrono::hours kExpire{24 * 5};

class ForwardPlan : public Plan {
 public:
  ForwardPlan(std::shared_ptr<const Target> target, Rendered rendered)
      : Plan(std::move(target)), rendered_(std::move(rendered)) {}

  bool stores_post() const override { return true; }
  std::vector<Body> bodies() const override {
    return {{id(), storage::Form::kAsIs, rendered_.rendering},
            {id(), storage::Form::kSevenBit, rendered_.seven_bit}};
  }

  Result<Committed> commit(const CommitContext& context) const override {
    const std::string key = seen_key(context);
    if (!key.empty()) {
      auto first =
          storage::PostStore(context.connection).remember_with_post(target().list.id, key, id(), context.now);
      if (!first.ok()) return first.error();
      if (first->has_value()) return duplicate_of(**first, context);
    }
    auto people = recipients(context);
    if (!people.ok()) return people.error();
    storage::PostRecord post;
    post.id = id();
    post.kind = storage::PostKind::kForward;
    post.list_id = target().list.id;
    post.list_address = target().list.id != 0 ? target().list.address() : "";
    post.list_revision = target().list.revision;
    post.sender = context.submission.reverse_path.to_string();
    post.author = context.incoming.author ? context.incoming.author->to_string() : "";
    post.message_id = context.incoming.message_id;
    post.subject = context.incoming.subject;
    post.size = static_cast<std::int64_t>(rendered_.rendering.size());
    post.client = context.submission.client;
    post.account = context.submission.account();
    post.accepted = context.now;
    post.staged = context.staged;
    post.expires = context.now + kExpire;
    post.priority = 0;
    post.mode = storage::CopyMode::kPersonal;
    const std::string& domain = target().list.id != 0 ? target().list.domain : target().address.domain;
    if (!context.submission.reverse_path.empty()) post.envelope_sender = "{verp}@" + domain;
    post.eight_bit = rendered_.eight_bit;
    post.smtputf8 = rendered_.smtputf8;
    post.author_unknown = rendered_.author_unknown;
    const Submission::Recipient& asked = recipient_of(context.submission, target());
    post.target = named_address(asked);
    post.dsn = without_backscatter(context.submission, dsn_request(context.submission, asked));
    post.tls = context.incoming.tls;
    post.seen_key = key;
    ESSAIM_TRY(storage::add_expanded(context.connection, &post, rendered_.rendering, rendered_.seven_bit,
                                     context.rank, std::move(*people)));
    ESSAIM_TRY(expect_reports(context.connection, post, context.services.reporting.delay));
    Committed out;
    out.posted = true;
    out.fields = {{"from", post.sender},
                  {"author", post.author},
                  {"message-id", post.message_id},
                  {"size", post.size},
                  {"recipients", post.recipients}};
    return out;
  }

 private:
  // What the same sender offers again for the same address. To another one of ours it is meant for others.
  std::string seen_key(const CommitContext& context) const {
    if (context.incoming.seen_key.empty()) return "";
    return std::string(to_string(target().kind)) + ":" + remembered_address() + ":" +
           context.submission.reverse_path.to_string() + ":" + context.incoming.seen_key;
  }

  // Of a list what stands behind its name ("-owner"): it may be called by one that it had before, and the sender's server hands
  // a message for two domains over twice. The list itself is what the key is remembered with.
  std::string remembered_address() const {
    if (target().list.id == 0) return target().address.to_string();
    const std::string local = target().address.local_key();
    return local.substr(std::min(local.rfind('-'), local.size()));
  }

  // Read in the transaction: whoever is owner at the instant of acceptance. With nobody there, the
  // postmaster. A list among them takes what somebody writes as a post, and no bounce: its members have that.
  Result<std::vector<BatchRecipient>> recipients(const CommitContext& context) const {
    const bool to_people = context.submission.reverse_path.empty();
    std::vector<BatchRecipient> out;
    const auto take = [&](Id scope, Role role) -> Result<void> {
      ESSAIM_TRY(storage::MemberStore(context.connection)
                     .for_each(scope, role, [&out](const storage::MemberRecord& member) {
                       if (member.has_mail()) out.push_back({member.id, member.local, member.domain});
                       return true;
                     }));
      if (!to_people) return {};
      auto people = people_among(context.connection, std::move(out), target().list.id);
      if (!people.ok()) return people.error();
      out = *std::move(people);
      return {};
    };
    if (target().kind == TargetKind::kEditors) ESSAIM_TRY(take(target().list.id, Role::kEditor));
    if (target().kind == TargetKind::kListmasters) {
      for (const Id scope : {target().list.domain_id, Id{0}}) {
        if (out.empty()) ESSAIM_TRY(take(scope, Role::kListmaster));
      }
    }
    if (out.empty() && target().list.id != 0) ESSAIM_TRY(take(target().list.id, Role::kOwner));
    if (!out.empty()) return out;
    if (to_people) return postmasters(context.connection, context.services.site);
    const smtp::Address& postmaster = context.services.site.postmaster;
    return std::vector<BatchRecipient>{{0, postmaster.local, postmaster.domain}};
  }

  Rendered rendered_;
};

}  // namespace

Result<Planned> plan_forward(const PlanContext& context, std::shared_ptr<const Target> target) {
  const Facts nothing;
  const Disposition disposition =
      decide(forward_rules(), {context.submission, context.incoming, *target, nothing});
  if (disposition.kind == Disposition::Kind::kReject)
    return Planned{nullptr, disposition.reply, std::string(disposition.rule)};
  auto rendered = render_forward(context.services, context.submission, context.incoming, *target);
  if (!rendered.ok())
    return Planned{nullptr, refusal(554, "5.6.0", rendered.error().message, "malformed"), "malformed"};
  Planned planned;
  planned.plan = std::make_unique<ForwardPlan>(std::move(target), std::move(*rendered));
  return planned;
}

}  // namespace essaim::lists
