// A post to a list: decided, rendered and stored, small ones with their batches.
#include <utility>
#include <vector>

#include "lists/advice.h"
#include "lists/dsn_request.h"
#include "lists/facts.h"
#include "lists/held/hold.h"
#include "lists/list_copies.h"
#include "lists/plan.h"
#include "lists/posting.h"
#include "lists/priority.h"
#include "lists/refusal.h"
#include "lists/release.h"
#include "lists/render_post.h"
#include "lists/rules/checks.h"
#include "lists/rules/rule.h"
#include "lists/sender_report.h"
#include "lists/verified.h"
#include "storage/digest_store.h"
#include "storage/directory_store.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::PostRecord;

class PostPlan : public Plan {
 public:
  // `first`: the same message must not have been taken before.
  PostPlan(std::shared_ptr<const Target> target, Facts facts, PostRendering rendering, bool first = true)
      : Plan(std::move(target)),
        facts_(facts),
        rendered_(std::move(rendering.rendered)),
        explanation_(std::move(rendering.explanation)),
        first_(first) {}

  bool stores_post() const override { return true; }
  std::vector<Body> bodies() const override {
    return {{id(), storage::Form::kAsIs, rendered_.rendering},
            {id(), storage::Form::kSevenBit, rendered_.seven_bit}};
  }

  Result<Committed> commit(const CommitContext& context) const override {
    auto revision = still_valid(context);
    if (!revision.ok()) return revision.error();
    Committed out;
    if (*revision == 0) {
      out.stale = true;
      return out;
    }
    storage::PostStore posts(context.connection);
    if (first_ && !context.incoming.seen_key.empty()) {
      auto first = posts.remember_with_post(target().list.id, context.incoming.seen_key, id(), context.now);
      if (!first.ok()) return first.error();
      if (first->has_value()) return duplicate_of(**first, context);
    }
    // Counting ends one behind what is expanded at once: for more it makes no difference how many they are.
    const auto readers =
        storage::Readers::of_post(readers_now(), context.incoming.author.value_or(smtp::Address{}));
    auto page = storage::MemberStore(context.connection)
                    .page(target().list.id, *revision, "", "", kExpandedAtOnce + 1, readers);
    if (!page.ok()) return page.error();
    PostRecord post = record(context, *revision, page->size());
    ESSAIM_TRY(page->size() > kExpandedAtOnce
                   ? posts.add(post, rendered_.rendering, rendered_.seven_bit)
                   : storage::add_expanded(context.connection, &post, rendered_.rendering,
                                           rendered_.seven_bit, context.rank, std::move(*page)));
    if (target().settings.digest.is_on())
      ESSAIM_TRY(storage::DigestStore(context.connection).add_post(target().list.id, id(), context.now));
    out.posted = true;
    out.fields = {
        {"from", context.submission.reverse_path.to_string()},
        {"author", post.author},
        {"message-id", context.incoming.message_id},
        {"size", post.size},
        {"recipients", page->size() <= kExpandedAtOnce ? std::to_string(post.recipients) : "more than 1000"}};
    if (!rendered_.message_id.empty()) out.fields.emplace_back("sent-as", post.message_id);
    return out;
  }

 private:
  // Who has digests waits for one, where there are any.
  storage::Reception readers_now() const {
    return target().settings.digest.is_on() ? storage::Reception::kEach : storage::Reception::kNone;
  }
  // The revision at which the post goes out; 0 if the list is no longer what the decision was about.
  Result<std::int64_t> still_valid(const CommitContext& context) const {
    const storage::ListRecord& decided = target().list;
    auto revision = storage::DirectoryStore(context.connection).revision_if_same(decided);
    if (!revision.ok() || *revision == 0 || *revision == decided.revision) return revision;
    auto facts = read_facts(context.connection, decided.id, context.incoming);
    if (!facts.ok()) return facts.error();
    if (*facts != facts_) return std::int64_t{0};
    return revision;
  }

  PostRecord record(const CommitContext& context, std::int64_t revision, std::size_t recipients) const {
    PostRecord post;
    post.id = id();
    address_copies(context.services, target(), context.now, &post);
    post.list_revision = revision;
    post.sender = context.submission.reverse_path.to_string();
    post.author = context.incoming.author ? context.incoming.author->to_string() : "";
    // The one that members have, and whoever complains.
    post.message_id = rendered_.message_id.empty() ? context.incoming.message_id : rendered_.message_id;
    post.subject = context.incoming.subject;
    post.size = static_cast<std::int64_t>(rendered_.rendering.size());
    post.client = context.submission.client;
    post.account = context.submission.account();
    post.staged = context.staged;
    post.priority = priority_of(recipients);
    post.readers = readers_now();
    post.private_header = rendered_.private_header;
    post.eight_bit = rendered_.eight_bit;
    post.smtputf8 = rendered_.smtputf8;
    post.author_unknown = rendered_.author_unknown;
    const Submission::Recipient& asked = recipient_of(context.submission, target());
    post.target = named_address(asked);
    post.explanation = explanation_;
    post.dsn = dsn_request(context.submission, asked);
    post.tls = passed_on(context.incoming.tls);
    if (first_) post.seen_key = context.incoming.seen_key;
    // Made in this very transaction (acceptance.cc).
    if (wants_delivered(context.submission, asked))
      post.reports |= static_cast<int>(storage::Report::kDelivered);
    return post;
  }

  // A list is where a message begins anew (RFC 8689 §6); what its sender asks for is kept where the list does not say
  // otherwise.
  storage::TlsRequest passed_on(storage::TlsRequest asked) const {
    switch (target().settings.require_tls) {
      case RequireTls::kAlways:
        return storage::TlsRequest::kRequired;
      case RequireTls::kNever:
        return storage::TlsRequest::kNone;
      case RequireTls::kKeep:
      case RequireTls::kRefuse:
        break;
    }
    return asked;
  }

  Facts facts_;
  Rendered rendered_;
  std::string explanation_;
  bool first_;
};

Planned refused(const Disposition& disposition) {
  return {nullptr, disposition.reply, std::string(disposition.rule)};
}

// An answer of DNS is missing that might let the author pass as they are.
bool may_pass_later(const mailauth::Authentication& found) {
  return found.dmarc.status == mailauth::DmarcStatus::kTempError || found.may_be_signed;
}

Planned protected_author(const Submission& submission, const Target& target, const PostRendering& rendering) {
  constexpr const char* kRule = "author-protection";
  const mailauth::Authentication* const found = submission.authentication.get();
  if (found != nullptr && may_pass_later(*found)) return {nullptr, rules::try_later(*found, kRule), kRule};
  return {nullptr, advised_refusal(550, "5.7.1", rendering.plan.why, "", target.list, kRule), kRule};
}

Planned distributed(const Services& services, const Submission& submission, const Incoming& incoming,
                    std::shared_ptr<const Target> target, const Facts& facts) {
  auto rendering = render_post(services, submission, incoming, *target);
  if (!rendering.ok())
    return {nullptr, refusal(554, "5.6.0", rendering.error().message, "malformed"), "malformed"};
  if (rendering->plan.treatment == Treatment::kRefuse)
    return protected_author(submission, *target, *rendering);
  Planned planned;
  planned.plan = std::make_unique<PostPlan>(std::move(target), facts, std::move(*rendering));
  return planned;
}

// How its author is to be treated rests on what was verified now: that is decided now, and kept with the post.
Result<Planned> held(const PlanContext& context, std::shared_ptr<const Target> target, Authorised decision) {
  const auto rendered_for = [&](const Submission& submission) {
    return render_post(context.services, submission, context.incoming, *target);
  };
  auto rendering = rendered_for(context.submission);
  if (decision.action.kind == scenario::ActionKind::kRequestAuth && rendering.ok() &&
      rendering->plan.treatment == Treatment::kRefuse) {
    // It goes out only when its author has confirmed it, and is known then.
    Submission confirmed = context.submission;
    confirmed.auth = scenario::Auth::kMd5;
    rendering = rendered_for(confirmed);
  }
  if (!rendering.ok())
    return Planned{nullptr, refusal(554, "5.6.0", rendering.error().message, "malformed"), "malformed"};
  if (rendering->plan.treatment == Treatment::kRefuse)
    return protected_author(context.submission, *target, *rendering);
  return plan_hold(context, std::move(target), std::move(decision), rendering->plan.treatment);
}

// The list wants its moderators to look at what the author's domain does not stand behind.
bool holds_disowned(const Submission& submission, const Incoming& incoming, const Target& target) {
  return target.settings.dmarc_failure == DmarcFailure::kHold &&
         !rules::disowned(submission, incoming).empty();
}

// What would go out on nobody's word, or on its author's, waits for moderators where a filter wants it looked at.
void have_looked_at(const Submission& submission, Authorised* decision) {
  using scenario::ActionKind;
  ActionKind& kind = decision->action.kind;
  if (submission.held_by.empty() || (kind != ActionKind::kDoIt && kind != ActionKind::kRequestAuth)) return;
  kind = ActionKind::kEditorKey;
  decision->rule = "filter:" + submission.held_by;
}

}  // namespace

Result<Planned> plan_post(const Services& services, const Submission& submission, const Incoming& incoming,
                          std::shared_ptr<const Target> target, const Facts& facts) {
  const Disposition disposition = decide(post_rules(), {submission, incoming, *target, facts});
  if (disposition.kind == Disposition::Kind::kReject) return refused(disposition);
  auto authorised = may_post(services, nullptr, submission, incoming, *target, facts);
  if (!authorised.ok()) return authorised.error();
  have_looked_at(submission, &*authorised);
  if (authorised->action.kind != scenario::ActionKind::kDoIt || holds_disowned(submission, incoming, *target))
    return Error{ErrorCode::kConflict, "what the rules ask for needs the database"};
  return distributed(services, submission, incoming, std::move(target), facts);
}

Result<Planned> plan_post(const PlanContext& context, std::shared_ptr<const Target> target) {
  const auto facts = read_facts(context.connection, target->list.id, context.incoming);
  if (!facts.ok()) return facts.error();
  context.facts.note(target->list, context.incoming, *facts);
  const Disposition disposition =
      decide(post_rules(), {context.submission, context.incoming, *target, *facts});
  if (disposition.kind == Disposition::Kind::kReject) return refused(disposition);
  auto authorised =
      may_post(context.services, &context.connection, context.submission, context.incoming, *target, *facts);
  if (!authorised.ok()) return authorised.error();
  have_looked_at(context.submission, &*authorised);
  using scenario::ActionKind;
  switch (authorised->action.kind) {
    case ActionKind::kDoIt:
      if (holds_disowned(context.submission, context.incoming, *target)) {
        authorised->action.kind = ActionKind::kEditorKey;
        authorised->rule = "dmarc";
        return held(context, std::move(target), *std::move(authorised));
      }
      return distributed(context.services, context.submission, context.incoming, std::move(target), *facts);
    case ActionKind::kRequestAuth:
    case ActionKind::kEditorKey:
    case ActionKind::kOwner:
    case ActionKind::kListmaster:
      return held(context, std::move(target), *std::move(authorised));
    case ActionKind::kEditor: {  // as any mail to the editors
      auto to_editors = std::make_shared<Target>(*target);
      to_editors->kind = TargetKind::kEditors;
      return plan_forward(context, std::move(to_editors));
    }
    default:
      return Planned{nullptr, refusal_of(*authorised, *target, context.incoming), authorised->rule};
  }
}

Submission submission_of(const storage::HeldRecord& held, std::string message) {
  const auto detail = [&held](const char* name) {
    const auto found = held.details.find(name);
    return found == held.details.end() ? std::string() : found->second;
  };
  Submission out;
  out.id = held.id;
  if (auto sender = smtp::parse_mailbox(held.sender, smtp::LocalPart::kUtf8); sender.ok())
    out.reverse_path = *sender;
  out.smtputf8 = !detail("smtputf8").empty();
  out.require_tls = !detail("requiretls").empty();
  out.trusted_sealer = !detail("trusted_sealer").empty();
  out.from_our_lists = !detail("from_our_lists").empty();
  out.client = held.client;
  out.held_account = detail("account");
  out.client_ip = detail("client_ip");
  out.received_header = detail("received");
  out.authserv_id = detail("authserv_id");
  out.treatment = Treatment::kKeep;
  for (const Treatment one : {Treatment::kRewriteFrom, Treatment::kWrap}) {
    if (detail("treatment") == to_string(one)) out.treatment = one;
  }
  out.auth = scenario::parse_auth(detail("auth")).value_or(scenario::Auth::kSmtp);
  out.content = std::move(message);
  restore_verified(held, &out);
  out.received = held.held;
  return out;
}

Result<std::unique_ptr<Plan>> plan_release(WriteContext& reading, const storage::ListRecord& list,
                                           Submission* submission, const Incoming& incoming, Id id) {
  auto target = std::make_shared<Target>();
  target->address = {list.local, list.domain};
  target->list = list;
  target->settings = settings_of(list);
  submission->id = id;
  submission->recipients = {{target->address, target}};
  auto facts = read_facts(reading.connection, list.id, incoming);
  if (!facts.ok()) return facts.error();
  auto rendering = render_post(reading.services, *submission, incoming, *target);
  if (!rendering.ok()) return rendering.error();
  std::unique_ptr<Plan> plan =
      std::make_unique<PostPlan>(std::move(target), *facts, *std::move(rendering), false);
  plan->set_id(id);
  return plan;
}

Result<bool> commit_release(WriteContext& context, const Plan& plan, const Submission& submission,
                            const Incoming& incoming, Id held, bool staged) {
  auto committed = plan.commit(
      {context.services, context.connection, submission, incoming, context.now, context.rank, staged});
  if (!committed.ok()) return committed.error();
  if (committed->stale) return false;
  context.posted = true;
  std::vector<log::Field> fields = {
      {"id", format_id(plan.id())}, {"list", plan.target().list.address()}, {"by", submission.validated_by}};
  if (plan.id() != held) fields.emplace_back("held", format_id(held));
  for (log::Field& field : committed->fields) fields.push_back(std::move(field));
  // A transaction that fails has let nothing go.
  context.connection.behind_commit([fields = std::move(fields)] {
    log::write(log::Level::kInfo, "released", fields.data(), fields.size());
  });
  return true;
}

Result<void> release(WriteContext& context, const storage::ListRecord& list, Submission submission, Id id) {
  auto incoming = parse_incoming(submission);
  if (!incoming.ok()) return incoming.error();
  auto plan = plan_release(context, list, &submission, *incoming, id);
  if (!plan.ok()) return plan.error();
  auto released = commit_release(context, **plan, submission, *incoming, id, false);
  if (!released.ok()) return released.error();
  if (!*released) return Error{ErrorCode::kConflict, "the list changed under the transaction"};
  return {};
}

}  // namespace essaim::lists
