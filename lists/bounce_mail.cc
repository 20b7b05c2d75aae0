// Mail to a VERP address: who it is about stands in the address, what happened in the DSN, if it is one. The
// sender does not matter: the token in the address was checked at RCPT. A common copy has the same address for all, so there the
// report says whom it is about, and whoever has a copy can write one: it counts, and is marked as not proven, unless it is the
// own mail system of the member's domain that says so. Reports in other forms
// look like any mail, and are read only with the null reverse-path; what cannot be read at all, of mail to owners, is the
// postmaster's to look at.
#include <utility>
#include <vector>

#include "core/base/counters.h"
#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/dsn.h"
#include "core/mail/plain_report.h"
#include "core/mailauth/dmarc.h"
#include "lists/bounces.h"
#include "lists/owner_report.h"
#include "lists/plan.h"
#include "storage/bouncer_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

std::string reason_of(const mail::DsnRecipient& recipient) {
  std::string reason = recipient.status;
  if (!recipient.diagnostic.empty()) reason += (reason.empty() ? "" : " ") + recipient.diagnostic;
  if (reason.empty()) reason = "failed, no status given";
  return escaped_for_display(reason, 300);
}

// "5.7.1"; where the report has no or no telling status, as the server of the other side said it.
std::string status_of(const mail::DsnRecipient& recipient) {
  if (!recipient.status.empty() && !recipient.status.ends_with(".0.0")) return recipient.status;
  for (std::string_view word : split(recipient.diagnostic, ' ')) {
    if (word.size() > 4 && word[3] == '-') word.remove_prefix(4);  // "550-5.7.1 ..."
    if (word.size() >= 5 && word.starts_with("5.") && word.find_first_not_of("0123456789.") == word.npos)
      return std::string(word);
  }
  return recipient.status;
}

// The domain whose mail system has written this, as far as its people cannot: their mail has a sender and their own address in
// From. Only both together tell: whoever has once had a report of their own signed can send it again with the null reverse-path.
// "": nobody stands behind it.
std::string reporting_domain(const PlanContext& context) {
  const mailauth::Authentication* const found = context.submission.authentication.get();
  if (found == nullptr || !found->author_authenticated() || !context.submission.reverse_path.empty())
    return "";
  const std::vector<smtp::Address>& authors = context.incoming.authors;
  if (authors.size() != 1) return "";
  // RFC 2142 §5, and what all mail systems use besides.
  const std::string& local = authors.front().local;
  if (!equals_ignoring_case(local, "mailer-daemon") && !equals_ignoring_case(local, "postmaster")) return "";
  return found->dmarc.domain;
}

// It is the domain of the member, one above it or a host below it.
bool stands_behind(const std::string& reporter, const std::string& domain) {
  return !reporter.empty() &&
         (mailauth::is_or_is_below(domain, reporter) || mailauth::is_or_is_below(reporter, domain));
}

// The message is to blame (too big, its content, its form) or where it comes from, as delivery/failure_policy.h judges replies.
// By now the recipient had been accepted, so X.7.x is no longer about who it is.
bool is_about_message(const mail::DsnRecipient& recipient) {
  const std::string status = status_of(recipient);
  return status == "5.3.4" || status == "5.2.3" || status.starts_with("5.6.") || status.starts_with("5.7.");
}

class BouncePlan : public Plan {
 public:
  // `unclear`: what came back cannot be read, and begins so. `reporter`: reporting_domain().
  BouncePlan(std::shared_ptr<const Target> target, std::optional<mail::Dsn> dsn,
             std::optional<std::string> unclear, std::string reporter)
      : Plan(std::move(target)),
        dsn_(std::move(dsn)),
        unclear_(std::move(unclear)),
        reporter_(std::move(reporter)) {}

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "bounce";
    out.words = "noted as " + format_id(id());
    out.fields = {{"post", format_id(target().post_id)},
                  {"from", context.submission.reverse_path.to_string()}};
    const mail::DsnRecipient* failed = nullptr;
    const char* result = dsn_ ? "no failure" : "not a DSN";
    if (dsn_) {
      for (const mail::DsnRecipient& recipient : dsn_->recipients) {
        if (recipient.action != mail::DsnAction::kFailed) {
          result = mail::to_string(recipient.action);
          continue;
        }
        failed = &recipient;
        if (target().kind == TargetKind::kBounce && target().member_id == 0) {
          auto posted = record_of_common_copy(context, recipient);
          if (!posted.ok()) return posted.error();
          out.posted = out.posted || *posted;
        }
      }
    }
    if (unclear_) {
      mail::DsnRecipient what;
      what.diagnostic = *unclear_;
      auto posted = tell_postmaster(context, what);
      if (!posted.ok()) return posted.error();
      out.posted = *posted;
    }
    if (failed != nullptr) {
      result = "failed";
      out.fields.emplace_back("reason", reason_of(*failed));
      if (target().kind == TargetKind::kOwnerBounce) {
        auto posted = tell_postmaster(context, *failed);
        if (!posted.ok()) return posted.error();
        out.posted = *posted;
      } else if (target().member_id != 0) {
        auto posted = record(context, target().member_id, *failed, true);
        if (!posted.ok()) return posted.error();
        out.posted = *posted;
      }
    }
    out.fields.emplace_back("member", target().member_id != 0 ? format_id(target().member_id) : "");
    out.fields.emplace_back("result", result);
    return out;
  }

 private:
  // Counted once for a post, however many reports come. True: the owners are told.
  Result<bool> record(const CommitContext& context, Id member_id, const mail::DsnRecipient& failed,
                      bool proven) const {
    std::string key = "bounce:";
    put_u64(&key, static_cast<std::uint64_t>(target().post_id));
    put_u64(&key, static_cast<std::uint64_t>(member_id));
    auto seen = storage::PostStore(context.connection).remember(0, key, id(), context.now);
    if (!seen.ok()) return seen.error();
    if (seen->has_value()) return false;
    if (!proven) context.connection.behind_commit([] { count(Counter::kReportsUnproven); });
    if (is_about_message(failed)) return message_refused(context, member_id, failed, proven);
    auto post = storage::PostStore(context.connection).find(target().post_id);
    if (!post.ok()) return post.error();
    const std::int64_t revision =
        post->has_value() ? bounce_revision(**post) : storage::MemberStore::kOfAnyPost;
    ESSAIM_TRY(storage::MemberStore(context.connection)
                   .record_bounce(member_id, (proven ? "" : "not proven: ") + reason_of(failed), context.now,
                                  revision));
    // What anybody could have written stops nobody.
    if (proven) ESSAIM_TRY(storage::BouncerStore(context.connection).note(member_id, context.now, revision));
    return false;
  }

  Result<bool> message_refused(const CommitContext& context, Id member_id, const mail::DsnRecipient& failed,
                               bool proven) const {
    auto member = storage::MemberStore(context.connection).find_by_id(member_id);
    if (!member.ok()) return member.error();
    auto post = storage::PostStore(context.connection).find(target().post_id);
    if (!post.ok()) return post.error();
    if (!member->has_value() || !post->has_value()) return false;
    const storage::BatchRecipient to{member_id, (*member)->local, (*member)->domain};
    log::warning("message-refused", {{"id", format_id((*post)->id)},
                                     {"list", (*post)->list_address},
                                     {"to", to.local + "@" + to.domain},
                                     {"reply", reason_of(failed)},
                                     {"proven", proven ? "yes" : "no"}});
    return report_late_refusal(context.services, context.connection, **post,
                               {to, reason_of(failed), escaped_for_display(failed.remote_mta, 100), proven},
                               context.now);
  }

  // A common copy names nobody in its envelope sender: the report does.
  Result<bool> record_of_common_copy(const CommitContext& context, const mail::DsnRecipient& failed) const {
    auto post = storage::PostStore(context.connection).find(target().post_id);
    if (!post.ok()) return post.error();
    if (!post->has_value()) return false;
    for (const std::string& text : {failed.original_recipient, failed.final_recipient}) {
      const auto address = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
      if (!address.ok()) continue;
      auto member =
          storage::MemberStore(context.connection).find((*post)->list_id, storage::Role::kMember, *address);
      if (!member.ok()) return member.error();
      if (member->has_value())
        return record(context, (*member)->id, failed, stands_behind(reporter_, (*member)->domain));
    }
    return false;
  }

  Result<bool> tell_postmaster(const CommitContext& context, const mail::DsnRecipient& failed) const {
    auto post = storage::PostStore(context.connection).find(target().post_id);
    if (!post.ok()) return post.error();
    if (!post->has_value()) return false;  // too old to say what it was about; the log has it
    DeliveryFailure failure;
    failure.post = &**post;
    failure.member_id = target().member_id;
    failure.reply = reason_of(failed);
    failure.about_message = is_about_message(failed);
    failure.unclear = unclear_.has_value();
    failure.host = escaped_for_display(failed.remote_mta, 100);
    if (const auto address = smtp::parse_mailbox(failed.final_recipient, smtp::LocalPart::kUtf8);
        address.ok())
      failure.address = *address;
    if (target().member_id != 0) {
      auto member = storage::MemberStore(context.connection).find_by_id(target().member_id);
      if (!member.ok()) return member.error();
      if (member->has_value()) failure.address = {(*member)->local, (*member)->domain};
    }
    auto recorded = record_failures(context.services, context.connection, {failure});
    if (!recorded.ok()) return recorded.error();
    return recorded->notices > 0;
  }

  std::optional<mail::Dsn> dsn_;
  std::optional<std::string> unclear_;
  std::string reporter_;
};

// A host reports, or somebody's answering machine that uses its words; receipts and reports of abuse say what they are.
bool may_be_failure(const Incoming& incoming) {
  const auto automatic = incoming.header.value("Auto-Submitted").value_or("");
  if (starts_with_ignoring_case(trimmed(automatic), "auto-replied")) return false;
  // Exchange's answers of those who are away say "auto-generated", as reports do; those have no such field.
  if (incoming.header.find("X-Auto-Response-Suppress") != nullptr) return false;
  const mail::ContentType type = mail::content_type_of(incoming.header);
  const std::string report = type.parameter("report-type");
  return !type.is("multipart", "report") || report.empty() || equals_ignoring_case(report, "delivery-status");
}

}  // namespace

Result<Planned> plan_bounce(const PlanContext& context, std::shared_ptr<const Target> target) {
  const std::string_view message = context.submission.content;
  auto dsn = mail::parse_dsn(message);
  std::optional<std::string> unclear;
  if (!dsn && context.submission.reverse_path.empty()) {
    dsn = mail::parse_plain_report(message);
    if (!dsn && target->kind == TargetKind::kOwnerBounce && may_be_failure(context.incoming)) {
      const std::string words = mail::first_words(message);
      unclear = words.empty() ? "(no text)" : words;
    }
  }
  Planned planned;
  planned.plan = std::make_unique<BouncePlan>(std::move(target), std::move(dsn), std::move(unclear),
                                              reporting_domain(context));
  return planned;
}

}  // namespace essaim::lists
