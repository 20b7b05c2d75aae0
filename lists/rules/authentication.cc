// What the verification of the author (SPF, DKIM, DMARC) leads to.
#include "core/mail/loop.h"
#include "lists/advice.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {
namespace {

using mailauth::Authentication;
using mailauth::DmarcStatus;

// That a chain of ARC is good says no more than its sealer is worth (RFC 8617 §9). Nothing: it cannot be found out now.
std::optional<bool> sealed_by_the_trusted(const Submission& submission) {
  if (!submission.trusted_sealer) return false;
  const mailauth::ArcStatus status = submission.authentication->arc.status;
  if (status == mailauth::ArcStatus::kTempError) return std::nullopt;
  return status == mailauth::ArcStatus::kPass;
}

// RFC 9989 §7.4: mail that passed a list or a forwarder fails although its author did everything right. The list's own
// domain, or one above it, must stand behind its name, which anybody can write. Nothing: as above.
std::optional<bool> came_by_another_list(const Submission& submission, const Incoming& incoming) {
  const Authentication& found = *submission.authentication;
  const std::optional<bool> sealed = sealed_by_the_trusted(submission);
  if (sealed.value_or(false)) return true;
  bool uncertain = !sealed.has_value();
  for (const mail::HeaderField* field : incoming.header.find_all("List-Id")) {
    const std::string list = mail::list_id_of(*field);
    for (const mailauth::DkimResult& dkim : found.dkim) {
      if (dkim.partial || !mailauth::is_or_is_below(list, dkim.signature.domain)) continue;
      if (dkim.status == mailauth::DkimStatus::kPass) return true;
      uncertain |= dkim.status == mailauth::DkimStatus::kTempError;
    }
    if (!mailauth::is_or_is_below(list, found.spf.domain)) continue;
    if (found.spf.status == mailauth::SpfStatus::kPass) return true;
    uncertain |= found.spf.status == mailauth::SpfStatus::kTempError;
  }
  if (uncertain) return std::nullopt;
  return false;
}

// Who has logged in is known better than by any signature: the sender is theirs (acceptance.cc).
bool fails_policy(const Submission& submission) {
  if (submission.login || !submission.judged || !submission.authentication) return false;
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  return dmarc.status == DmarcStatus::kFail && dmarc.policy != mailauth::DmarcPolicy::kNone;
}

using Excuse = std::optional<bool>;  // for failing: whether there is one; nothing: it cannot be found out now

std::string why_disowned(const Submission& submission, const Excuse& excuse) {
  if (!fails_policy(submission) || excuse.value_or(false)) return {};
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  return dmarc.domain +
         " does not stand behind this message (DMARC, p=" + mailauth::to_string(dmarc.published) + ")";
}

// Somebody's name servers are silent that have a say in whether the author's domain disowns it.
Verdict not_known_yet(const Submission& submission, const Excuse& excuse, std::string_view name) {
  const bool uncertain = fails_policy(submission) && !excuse.has_value();
  if (uncertain || submission.authentication->dmarc.may_disown())
    return try_later(*submission.authentication, name);
  return std::nullopt;
}

Verdict disowned_with(const RuleContext& context, const Excuse& excuse, std::string_view name) {
  if (auto later = not_known_yet(context.submission, excuse, name)) return later;
  const std::string why = why_disowned(context.submission, excuse);
  if (why.empty()) return std::nullopt;
  return advised_refusal(550, "5.7.1", why, "send it by that domain's own mail server", context.target.list,
                         name);
}

bool is_judged(const Submission& submission) {
  return submission.authentication && !submission.login && submission.judged;
}

}  // namespace

smtp::Reply try_later(const Authentication& authentication, std::string_view name) {
  return refusal(
      451, "4.7.0",
      "whether " + authentication.dmarc.domain + " stands behind this message cannot be found out now", name);
}

std::string disowned(const Submission& submission, const Incoming& incoming) {
  if (!fails_policy(submission)) return {};
  return why_disowned(submission, came_by_another_list(submission, incoming));
}

Verdict dmarc_failure(const RuleContext& context, std::string_view name) {
  const DmarcFailure wanted = context.target.settings.dmarc_failure;
  const bool asks = wanted == DmarcFailure::kRefuse || wanted == DmarcFailure::kHold;
  if (!asks || !is_judged(context.submission)) return std::nullopt;
  const Excuse excuse = came_by_another_list(context.submission, context.incoming);
  return wanted == DmarcFailure::kHold ? not_known_yet(context.submission, excuse, name)
                                       : disowned_with(context, excuse, name);
}

// No command comes by another list, whatever stands in its List-Id.
Verdict disowned_author(const RuleContext& context, std::string_view name) {
  if (!is_judged(context.submission)) return std::nullopt;
  return disowned_with(context, sealed_by_the_trusted(context.submission), name);
}

Verdict unauthenticated(const RuleContext& context, std::string_view name) {
  if (!context.target.settings.authenticated_only || context.submission.login) return std::nullopt;
  const Authentication* authentication = context.submission.authentication.get();
  if (authentication == nullptr || !context.submission.judged)
    return advised_refusal(
        550, "5.7.1",
        context.target.list.address() +
            " takes posts only of authors who are verified, and this server verifies nobody "
            "(authentication.verify)",
        "", context.target.list, name);
  const bool verified = of_verified_domain(context.submission, context.incoming);
  if (verified && authentication->author_authenticated()) return std::nullopt;
  if (verified && authentication->may_be_authenticated) return try_later(*authentication, name);
  return advised_refusal(
      550, "5.7.1",
      context.target.list.address() + " takes posts only of authors whose domain stands behind them: " +
          (verified ? "no DKIM signature and no SPF is aligned with From"
                    : "From names several, and Sender is of another domain"),
      verified ? "send it by that domain's own mail server" : "", context.target.list, name);
}

}  // namespace essaim::lists::rules
