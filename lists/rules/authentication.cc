// What the verification of the author (SPF, DKIM, DMARC) leads to.
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {
namespace {

using mailauth::Authentication;
using mailauth::DmarcStatus;

// RFC 9989 §7.4: mail that passed a list or a forwarder fails although its author did everything right.
bool came_by_another_list(const Submission& submission, const Incoming& incoming) {
  return incoming.header.find("List-Id") != nullptr || incoming.header.find("List-Post") != nullptr ||
         submission.authentication->arc.status == mailauth::ArcStatus::kPass;
}

}  // namespace

smtp::Reply try_later(const Authentication& authentication, std::string_view name) {
  return refusal(
      451, "4.7.0",
      "whether " + authentication.dmarc.domain + " stands behind this message cannot be found out now", name);
}

// Who has logged in is known better than by any signature: the sender is theirs (acceptance.cc).
std::string disowned(const Submission& submission, const Incoming& incoming) {
  if (submission.login || !submission.authentication) return {};
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  if (dmarc.status != DmarcStatus::kFail || dmarc.policy == mailauth::DmarcPolicy::kNone ||
      came_by_another_list(submission, incoming))
    return {};
  return dmarc.domain +
         " does not stand behind this message (DMARC, p=" + mailauth::to_string(dmarc.published) + ")";
}

Verdict dmarc_failure(const RuleContext& context, std::string_view name) {
  const DmarcFailure wanted = context.target.settings.dmarc_failure;
  const Authentication* authentication = context.submission.authentication.get();
  if ((wanted != DmarcFailure::kRefuse && wanted != DmarcFailure::kHold) || authentication == nullptr ||
      context.submission.login)
    return std::nullopt;
  if (authentication->dmarc.status == DmarcStatus::kTempError) return try_later(*authentication, name);
  if (wanted != DmarcFailure::kRefuse) return std::nullopt;
  const std::string why = disowned(context.submission, context.incoming);
  if (why.empty()) return std::nullopt;
  return refusal(550, "5.7.1", why, name);
}

Verdict unauthenticated(const RuleContext& context, std::string_view name) {
  if (!context.target.settings.authenticated_only || context.submission.login) return std::nullopt;
  const Authentication* authentication = context.submission.authentication.get();
  if (authentication == nullptr) return refusal(451, "4.7.0", "authors cannot be verified here now", name);
  const bool verified = of_verified_domain(context.submission, context.incoming);
  if (verified && authentication->author_authenticated()) return std::nullopt;
  if (verified && authentication->temporary()) return try_later(*authentication, name);
  return refusal(550, "5.7.1",
                 context.target.list.address() +
                     " takes posts only of authors whose domain stands behind them: " +
                     (verified ? "no DKIM signature and no SPF is aligned with From"
                               : "From names several, and Sender is of another domain"),
                 name);
}

}  // namespace essaim::lists::rules
