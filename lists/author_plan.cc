#include "lists/author_plan.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::lists {
namespace {

using mailauth::Authentication;
using mailauth::DkimResult;
using mailauth::DkimStatus;
using mailauth::DmarcPolicy;
using mailauth::DmarcStatus;

// Settings for one address, else for its domain, else the list's.
Treatment treatment_by_settings(const smtp::Address& author, const ListSettings& settings) {
  const Treatment* of_domain = nullptr;
  for (const AuthorException& exception : settings.author_exceptions) {
    if (equals_ignoring_case(exception.who, author.to_string())) return exception.treatment;
    if (equals_ignoring_case(exception.who, author.domain)) of_domain = &exception.treatment;
  }
  return of_domain != nullptr ? *of_domain : settings.author_treatment;
}

// Whether the published policy asks for care; "" if it does not.
std::string need(const Authentication& authentication, DmarcPolicy from) {
  const mailauth::DmarcResult& dmarc = authentication.dmarc;
  if (dmarc.policy_domain.empty()) {
    if (dmarc.status == DmarcStatus::kTempError)
      return dmarc.domain + " may have a policy that cannot be looked up now";
    if (dmarc.status == DmarcStatus::kPermError) return "";
    return from == DmarcPolicy::kNone ? dmarc.domain + " publishes no policy" : "";
  }
  if (dmarc.published < from) return "";
  return dmarc.domain + " publishes p=" + mailauth::to_string(dmarc.published);
}

std::string name_of(const DkimResult& dkim) {
  return dkim.signature.domain + "/" + dkim.signature.selector + " (" +
         mailauth::to_string(dkim.signature.algorithm) + ")";
}

}  // namespace

const char* to_string(Treatment treatment) {
  switch (treatment) {
    case Treatment::kKeep:
      return "keep";
    case Treatment::kRewriteFrom:
      return "rewrite";
    case Treatment::kWrap:
      return "wrap";
    case Treatment::kRefuse:
      return "refuse";
  }
  return "keep";
}

std::vector<SignatureFate> signature_fates(const Authentication& authentication,
                                           const mail::HeaderBlock& header, std::string_view body,
                                           bool body_kept) {
  std::vector<SignatureFate> out;
  const mailauth::FieldIndex index(header);
  const auto& aligned = authentication.dmarc.aligned_dkim;
  // Hashed once for all: a large body may have many signatures.
  mailauth::BodyHashes hashes;
  std::vector<std::size_t> numbers(authentication.dkim.size());
  if (!body_kept) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const DkimResult& dkim = authentication.dkim[i];
      if (dkim.status == DkimStatus::kPass)
        numbers[i] = hashes.want(dkim.signature.body, dkim.signature.body_length);
    }
    hashes.take(body);
    hashes.finish();
  }
  for (std::size_t i = 0; i < authentication.dkim.size(); ++i) {
    const DkimResult& dkim = authentication.dkim[i];
    if (dkim.status != DkimStatus::kPass) continue;
    SignatureFate fate;
    fate.number = i;
    fate.aligned = std::find(aligned.begin(), aligned.end(), dkim.signature.domain) != aligned.end();
    fate.survives = mailauth::still_verifies(dkim, header, index, body_kept ? nullptr : &hashes, numbers[i]);
    out.push_back(fate);
  }
  return out;
}

AuthorPlan plan_author(const Authentication& authentication, const std::vector<SignatureFate>& fates,
                       const smtp::Address& author, const ListSettings& settings, bool we_sign) {
  const std::string needed = need(authentication, settings.author_policy);
  if (needed.empty()) return {Treatment::kKeep, "no policy of the author's domain asks for more"};
  if (std::any_of(fates.begin(), fates.end(), [](const SignatureFate& f) { return f.aligned && f.survives; }))
    return {Treatment::kKeep, needed + ", and its signature verifies after our changes"};
  if (we_sign) return {Treatment::kKeep, needed + ", and our own signature is of that domain"};
  const Treatment treatment = treatment_by_settings(author, settings);
  return {treatment, needed + ", and no signature of it would verify after our changes",
          treatment == Treatment::kKeep || treatment == Treatment::kRefuse};
}

std::string describe(const Authentication& authentication, const std::vector<SignatureFate>& fates,
                     const AuthorPlan& plan) {
  std::string out;
  const auto line = [&out](const std::string& text) { out += text + "\n"; };
  line(std::string("spf ") + to_string(authentication.spf.status) + " " + authentication.spf.domain);
  for (const DkimResult& dkim : authentication.dkim)
    line(std::string("dkim ") + to_string(dkim.status) + " " + name_of(dkim) +
         (dkim.reason.empty() ? "" : ": " + dkim.reason));
  const mailauth::DmarcResult& dmarc = authentication.dmarc;
  line(std::string("dmarc ") + to_string(dmarc.status) + " " + dmarc.domain +
       (dmarc.policy_domain.empty()
            ? ", no policy"
            : std::string(", p=") + mailauth::to_string(dmarc.published) + " of " + dmarc.policy_domain) +
       (dmarc.aligned_by.empty() ? "" : ", aligned by " + dmarc.aligned_by) +
       (dmarc.reason.empty() ? "" : ": " + dmarc.reason));
  if (authentication.arc.status != mailauth::ArcStatus::kNone)
    line(std::string("arc ") + to_string(authentication.arc.status) + ", " +
         std::to_string(authentication.arc.sets) + " sets" +
         (authentication.arc.reason.empty() ? "" : ": " + authentication.arc.reason));
  for (const SignatureFate& fate : fates)
    line("signature " + name_of(authentication.dkim[fate.number]) + (fate.aligned ? ", the author's," : "") +
         (fate.survives ? " verifies after our changes" : " does not verify after our changes"));
  line(std::string("author: ") + to_string(plan.treatment) + ": " + plan.why);
  return out;
}

}  // namespace essaim::lists
