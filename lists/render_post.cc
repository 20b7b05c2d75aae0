#include "lists/render_post.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/downgrade.h"
#include "core/mailauth/arc_seal.h"
#include "lists/verified.h"

namespace essaim::lists {
namespace {

using mailauth::Authentication;

mailauth::SigningKeys keys_for(const Services& services, const std::string& domain) {
  return services.signing_keys ? services.signing_keys(domain) : mailauth::SigningKeys{};
}

// Its domain stands behind the author, or an account that has logged in, or a key that only the author was sent: of several
// in From none was, but the one in Sender, who may be anybody. Where nothing is verified, nobody is doubted.
bool author_known(const Submission& submission, const Incoming& incoming) {
  return !submission.authentication || submission.authentication->author_authenticated() ||
         submission.login || submission.auth == scenario::Auth::kSmtpAuth ||
         (submission.auth == scenario::Auth::kMd5 && incoming.authors.size() == 1);
}

// Nobody stands behind the author, and the author's domain may ask others not to take such a message. Where it is known to
// ask for nothing, our signature says no more than that the list has sent it.
bool may_be_forged(const Submission& submission, const Incoming& incoming) {
  if (author_known(submission, incoming)) return false;
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  switch (dmarc.status) {
    case mailauth::DmarcStatus::kFail:
      return dmarc.policy != mailauth::DmarcPolicy::kNone;
    case mailauth::DmarcStatus::kTempError:
      return dmarc.may_disown();
    case mailauth::DmarcStatus::kPermError:
      return true;
    case mailauth::DmarcStatus::kNone:
    case mailauth::DmarcStatus::kPass:
      break;
  }
  return false;
}

// The header with all that will stand over it, as receivers see it. Of our seal only the names count, for signatures that
// cover how many there are. (None can cover how many DKIM-Signatures there are: it is one.)
Result<mail::HeaderBlock> whole_header(const Draft& draft) {
  std::string ours;
  if (draft.is_signed && draft.target.settings.arc_seal)
    ours = "ARC-Seal: ours\r\nARC-Message-Signature: ours\r\nARC-Authentication-Results: ours\r\n";
  return mail::HeaderBlock::parse(ours + draft.private_header + draft.submission.authentication_header +
                                  draft.submission.received_header + draft.header.serialise());
}

Result<std::vector<SignatureFate>> fates(const Draft& draft) {
  const Authentication& authentication = *draft.submission.authentication;
  const bool any = std::any_of(authentication.dkim.begin(), authentication.dkim.end(),
                               [](const auto& dkim) { return dkim.status == mailauth::DkimStatus::kPass; });
  if (!any) return std::vector<SignatureFate>{};
  const auto header = whole_header(draft);
  if (!header.ok()) return header.error();
  const bool kept = !draft.submission.body_changed && draft.body.data() == draft.incoming.body.data() &&
                    draft.body.size() == draft.incoming.body.size();
  return signature_fates(authentication, *header, draft.body, kept);
}

// Those that do not verify, now or already when they came. What could not be told (temporary errors, unknown kinds)
// stays.
std::vector<std::string> broken_signatures(const Draft& draft, const std::vector<SignatureFate>& fates) {
  std::vector<std::string> broken;
  const Authentication& authentication = *draft.submission.authentication;
  for (std::size_t i = 0; i < authentication.dkim.size(); ++i) {
    const auto fate =
        std::find_if(fates.begin(), fates.end(), [i](const SignatureFate& f) { return f.number == i; });
    const mailauth::DkimResult& dkim = authentication.dkim[i];
    const bool lost = fate != fates.end() ? !fate->survives : dkim.status == mailauth::DkimStatus::kFail;
    if (lost) broken.push_back(draft.incoming.header.fields()[dkim.position].raw());
  }
  return broken;
}

bool same_fates(const std::vector<SignatureFate>& a, const std::vector<SignatureFate>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.survives == y.survives; });
}

void drop_broken(Draft& draft, const std::vector<SignatureFate>& found) {
  const BrokenSignatures how = draft.target.settings.broken_signatures;
  if (how == BrokenSignatures::kKeep || draft.treatment == Treatment::kWrap) return;
  const std::vector<std::string> broken = broken_signatures(draft, found);
  if (broken.empty()) return;
  mail::HeaderBlock before = draft.header;
  std::vector<std::string> renamed;
  draft.header.remove_if([&](const mail::HeaderField& field) {
    if (std::find(broken.begin(), broken.end(), field.raw()) == broken.end()) return false;
    renamed.push_back("X-Broken-" + field.raw());
    return true;
  });
  if (how == BrokenSignatures::kRename) {
    // Names of fields may be odd; a field that cannot be renamed goes.
    for (const std::string& field : renamed) static_cast<void>(draft.header.insert_raw_top(field));
  }
  // A good signature may cover a broken one: then that stays.
  const auto after = fates(draft);
  if (!after.ok() || !same_fates(found, *after)) draft.header = std::move(before);
}

Seal arc_seal(const Services& services, const Draft& draft) {
  const Submission& submission = draft.submission;
  if (!submission.authentication || !draft.target.settings.arc_seal) return {};
  // Of the list's own domain, by whatever name it was written to.
  const Target& target = draft.target;
  const std::string& domain = target.list.id != 0 ? target.list.domain : target.address.domain;
  const mailauth::SigningKeys keys = keys_for(services, ascii_lowered(domain));
  // Verifiers of ARC that know Ed25519 are rare: RSA if there is one.
  const auto rsa = std::find_if(keys.begin(), keys.end(), [](const auto& key) {
    return key->key.algorithm() == mailauth::Algorithm::kRsaSha256;
  });
  if (rsa == keys.end()) return {};
  const auto results = results_in(submission.authentication_header);
  if (!results.ok()) return {};
  return [key = *rsa, chain = submission.authentication->arc, results = *results,
          now = draft.now](std::string_view message) {
    const auto header = mail::HeaderBlock::parse(message);
    if (!header.ok()) return std::string();
    const auto body =
        mailauth::body_hash(message.substr(header->body_offset()), mailauth::Canonicalization::kRelaxed);
    return mailauth::arc_fields(*header, body, chain, results, *key, now);
  };
}

}  // namespace

std::string explain_changes(const Services& services, const Submission& submission, const Incoming& incoming,
                            const Target& target) {
  std::string out;
  if (!submission.authentication) return out;
  for (const Handler& handler : post_handlers()) {
    Draft draft = begin_draft(submission, incoming, target, services.site, services.clock->wall_now());
    const std::string before = draft.header.serialise();
    if (!handler.change(draft).ok()) continue;
    if (draft.header.serialise() == before && draft.body.data() == incoming.body.data() &&
        draft.private_header.empty())
      continue;
    const auto found = fates(draft);
    if (!found.ok()) continue;
    out += "change " + std::string(handler.name) + ":";
    if (found->empty()) out += " there is no signature to break";
    for (const SignatureFate& fate : *found) {
      const auto& signature = submission.authentication->dkim[fate.number].signature;
      out += " " + signature.domain + "/" + signature.selector + (fate.survives ? " survives" : " breaks");
    }
    out += "\n";
  }
  return out;
}

namespace {

Result<PostRendering> planned(const Services& services, const Submission& submission,
                              const Incoming& incoming, const Target& target, bool long_lines) {
  const WallTime now = services.clock->wall_now();
  const bool list_signs = !keys_for(services, target.list.domain).empty();
  const auto draft_with = [&](Treatment treatment) {
    Draft draft = begin_draft(submission, incoming, target, services.site, now);
    draft.treatment = treatment;
    draft.long_lines = long_lines;
    draft.is_signed = list_signs;
    return draft;
  };
  PostRendering out;
  if (target.settings
          .anonymous) {  // From is the list: there is nobody to protect, and a seal would tell of the author
    Draft draft = draft_with(Treatment::kKeep);
    ESSAIM_TRY(run_handlers(post_handlers(), &draft));
    out.explanation = "author: hidden: the list is anonymous\n";
    if (!incoming.message_id.empty())
      out.explanation += "message-id: it came as " + escaped_for_display(incoming.message_id, 256) + "\n";
    out.rendered = finished(draft, {});
    return out;
  }
  if (!submission.authentication && submission.treatment) out.plan.treatment = *submission.treatment;
  Draft draft = draft_with(out.plan.treatment);
  ESSAIM_TRY(run_handlers(post_handlers(), &draft));
  if (submission.authentication) {
    auto found = fates(draft);
    if (!found.ok()) return found.error();
    const std::string& author_domain = submission.authentication->dmarc.domain;
    // Our signature would make the author of a forgery pass.
    const bool we_sign =
        author_domain == target.list.domain && list_signs && author_known(submission, incoming);
    out.plan = plan_author(*submission.authentication, *found, incoming.author.value_or(smtp::Address{}),
                           target.settings, we_sign);
    // What was taken, and waited, is not refused any more, whatever the list's settings have become.
    if (out.plan.treatment == Treatment::kRefuse && submission.treatment)
      out.plan.treatment = Treatment::kRewriteFrom;
    out.explanation = describe(*submission.authentication, *found, out.plan);
    if (out.plan.treatment == Treatment::kRefuse) return out;
    if (out.plan.treatment != Treatment::kKeep) {
      // Draft has references, so it is not assigned: what was rendered for the look is thrown away.
      Draft treated = draft_with(out.plan.treatment);
      ESSAIM_TRY(run_handlers(post_handlers(), &treated));
      auto after = fates(treated);
      if (!after.ok()) return after.error();
      drop_broken(treated, *after);
      const Seal seal = arc_seal(services, treated);
      out.rendered = finished(treated, seal);
      return out;
    }
    drop_broken(draft, *found);
  }
  const Seal seal = arc_seal(services, draft);
  out.rendered = finished(draft, seal);
  out.rendered.author_unknown = out.plan.treatment == Treatment::kKeep && may_be_forged(submission, incoming);
  return out;
}

}  // namespace

Result<PostRendering> render_post(const Services& services, const Submission& submission,
                                  const Incoming& incoming, const Target& target) {
  auto out = planned(services, submission, incoming, target, false);
  if (!out.ok() || !out->plan.unprotected || !mail::has_long_line(incoming.body)) return out;
  // Some hosts refuse long lines; more refuse an author whose signature broke because they were made short.
  auto long_lines = planned(services, submission, incoming, target, true);
  return long_lines.ok() && !long_lines->plan.unprotected ? std::move(long_lines) : std::move(out);
}

Result<Rendered> render_forward(const Services& services, const Submission& submission,
                                const Incoming& incoming, const Target& target) {
  Draft draft = begin_draft(submission, incoming, target, services.site, services.clock->wall_now());
  ESSAIM_TRY(run_handlers(forward_handlers(), &draft));
  const Seal seal = arc_seal(services, draft);
  Rendered rendered = finished(draft, seal);
  rendered.author_unknown = may_be_forged(submission, incoming);
  return rendered;
}

Result<Rendered> render_relayed(const Services& services, const Submission& submission,
                                const Incoming& incoming, const Target& target) {
  return render(relay_handlers(), submission, incoming, target, services.site, services.clock->wall_now());
}

}  // namespace essaim::lists
