#include "lists/dsn_request.h"

#include <algorithm>
#include <tuple>

namespace essaim::lists {

bool mean_the_same(const Target& a, const Target& b) {
  const auto key = [](const Target& t) {
    const bool by_domain = t.kind == TargetKind::kPostmaster || t.kind == TargetKind::kCommands ||
                           t.kind == TargetKind::kListmasters || t.kind == TargetKind::kRelay;
    return std::make_tuple(t.kind, t.list.id, t.post_id, t.member_id, t.held_id,
                           by_domain ? t.address.domain : std::string(),
                           t.kind == TargetKind::kRelay ? t.address.local_key() : std::string());
  };
  return key(a) == key(b);
}

const Submission::Recipient& recipient_of(const Submission& submission, const Target& target) {
  for (const Submission::Recipient& recipient : submission.recipients)
    if (mean_the_same(*recipient.target, target)) return recipient;
  // One that was asked for something and turned out to be for others: LIST-request for the owners.
  for (const Submission::Recipient& recipient : submission.recipients) {
    const smtp::Address& address = recipient.target->address;
    if (address.domain == target.address.domain && address.local_key() == target.address.local_key())
      return recipient;
  }
  ESSAIM_CHECK(false);
  return submission.recipients.front();
}

storage::DsnRequest dsn_request(const Submission& submission, const Submission::Recipient& recipient) {
  return {smtp::ret_value(submission.dsn), smtp::envid_value(submission.dsn),
          smtp::notify_value(recipient.dsn), smtp::orcpt_value(recipient.dsn)};
}

std::string named_address(const Submission::Recipient& recipient) {
  return recipient.address.domain.empty() ? recipient.target->address.to_string()
                                          : recipient.address.to_string();
}

Notify notify_of(const storage::DsnRequest& request) {
  if (request.notify.empty()) return {};
  smtp::DsnRcptParameters read;
  if (smtp::read_notify(request.notify, &read)) return {};
  return {read.notify_success, read.notify_failure, read.notify_delay};
}

SenderProof sender_proof(const Submission& submission) {
  if (submission.login || !submission.judged || !submission.authentication) return SenderProof::kVouched;
  using mailauth::SpfStatus;
  const mailauth::Authentication& found = *submission.authentication;
  const std::string& domain = submission.reverse_path.domain;
  const bool is_signed =
      std::any_of(found.dkim.begin(), found.dkim.end(), [&domain](const mailauth::DkimResult& dkim) {
        return dkim.status == mailauth::DkimStatus::kPass &&
               mailauth::is_or_is_below(domain, dkim.signature.domain);
      });
  const bool is_author = found.dmarc.domain == domain;
  if (found.spf.status == SpfStatus::kPass || is_signed || (is_author && found.author_authenticated()))
    return SenderProof::kVouched;
  const bool fails_dmarc = is_author && found.dmarc.status == mailauth::DmarcStatus::kFail &&
                           found.dmarc.policy != mailauth::DmarcPolicy::kNone;
  const bool fails_spf = found.spf.status == SpfStatus::kFail || found.spf.status == SpfStatus::kSoftFail;
  return fails_spf || fails_dmarc ? SenderProof::kDisowned : SenderProof::kUnknown;
}

storage::DsnRequest without_backscatter(const Submission& submission, storage::DsnRequest request) {
  const SenderProof proof = sender_proof(submission);
  if (proof == SenderProof::kVouched) return request;
  const bool told = proof == SenderProof::kUnknown && notify_of(request).failure;
  request.notify = told ? "FAILURE" : "NEVER";
  request.ret = "HDRS";
  return request;
}

}  // namespace essaim::lists
