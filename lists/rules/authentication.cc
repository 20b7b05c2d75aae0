// What the verification of the author (SPF, DKIM, DMARC) leads to.
#include "core/base/text.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {
namespace {

using mailauth::Authentication;
using mailauth::DmarcStatus;

// list-id-namespace with the label before it: what stands in brackets (RFC 2919 §3).
std::string list_of(const mail::HeaderField& list_id) {
  const std::string value = list_id.value();
  const std::size_t open = value.rfind('<');
  const std::string_view id =
      open == std::string::npos ? value
                                : std::string_view(value).substr(open + 1, value.find('>', open) - open - 1);
  return ascii_lowered(trimmed(id));
}

// RFC 9989 §7.4: mail that passed a list or a forwarder fails although its author did everything right. The list's own
// domain, or one above it, must stand behind its name, which anybody can write; that a chain of ARC is good says no more
// than its sealer is worth (RFC 8617 §9). Nothing: it cannot be found out now.
std::optional<bool> came_by_another_list(const Submission& submission, const Incoming& incoming) {
  const Authentication& found = *submission.authentication;
  if (submission.trusted_sealer && found.arc.status == mailauth::ArcStatus::kPass) return true;
  bool uncertain = submission.trusted_sealer && found.arc.status == mailauth::ArcStatus::kTempError;
  for (const mail::HeaderField* field : incoming.header.find_all("List-Id")) {
    const std::string list = list_of(*field);
    for (const mailauth::DkimResult& dkim : found.dkim) {
      if (!mailauth::is_or_is_below(list, dkim.signature.domain)) continue;
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

// Somebody's name servers are silent that have a say in whether the author's domain disowns it.
Verdict not_known_yet(const RuleContext& context, std::string_view name) {
  const Authentication* authentication = context.submission.authentication.get();
  if (authentication == nullptr || context.submission.login || !context.submission.judged)
    return std::nullopt;
  const bool uncertain = fails_policy(context.submission) &&
                         !came_by_another_list(context.submission, context.incoming).has_value();
  if (uncertain || authentication->dmarc.may_disown()) return try_later(*authentication, name);
  return std::nullopt;
}

}  // namespace

smtp::Reply try_later(const Authentication& authentication, std::string_view name) {
  return refusal(
      451, "4.7.0",
      "whether " + authentication.dmarc.domain + " stands behind this message cannot be found out now", name);
}

std::string disowned(const Submission& submission, const Incoming& incoming) {
  if (!fails_policy(submission) || came_by_another_list(submission, incoming).value_or(false)) return {};
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  return dmarc.domain +
         " does not stand behind this message (DMARC, p=" + mailauth::to_string(dmarc.published) + ")";
}

Verdict dmarc_failure(const RuleContext& context, std::string_view name) {
  switch (context.target.settings.dmarc_failure) {
    case DmarcFailure::kAccept:
    case DmarcFailure::kMark:
      return std::nullopt;
    case DmarcFailure::kHold:
      return not_known_yet(context, name);
    case DmarcFailure::kRefuse:
      break;
  }
  return disowned_author(context, name);
}

Verdict disowned_author(const RuleContext& context, std::string_view name) {
  if (auto later = not_known_yet(context, name)) return later;
  const std::string why = disowned(context.submission, context.incoming);
  if (why.empty()) return std::nullopt;
  return refusal(550, "5.7.1", why, name);
}

Verdict unauthenticated(const RuleContext& context, std::string_view name) {
  if (!context.target.settings.authenticated_only || context.submission.login) return std::nullopt;
  const Authentication* authentication = context.submission.authentication.get();
  if (authentication == nullptr || !context.submission.judged)
    return refusal(550, "5.7.1",
                   context.target.list.address() +
                       " takes posts only of authors who are verified, and this server verifies nobody "
                       "(authentication.verify)",
                   name);
  const bool verified = of_verified_domain(context.submission, context.incoming);
  if (verified && authentication->author_authenticated()) return std::nullopt;
  if (verified && authentication->may_be_authenticated) return try_later(*authentication, name);
  return refusal(550, "5.7.1",
                 context.target.list.address() +
                     " takes posts only of authors whose domain stands behind them: " +
                     (verified ? "no DKIM signature and no SPF is aligned with From"
                               : "From names several, and Sender is of another domain"),
                 name);
}

}  // namespace essaim::lists::rules
