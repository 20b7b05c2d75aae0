#include "core/mailauth/message_check.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/smtp/idn.h"

namespace essaim::mailauth {
namespace {

// Each is looked up. Nobody writes a message with more.
constexpr std::size_t kMaxAuthorDomains = 8;
// Questions that the SPF record of the sender has to itself.
constexpr std::size_t kForSender = 40;

SpfResult spf(const MailSource& source, const smtp::Address& sender, Answers& answers) {
  if (source.client_ip.empty()) return {};
  return check_spf(source.client_ip, source.helo, sender, answers);
}

MethodResult dkim_result(const DkimResult& dkim) {
  MethodResult out{"dkim", to_string(dkim.status), dkim.reason, {}};
  if (dkim.status == DkimStatus::kPass && dkim.partial) out.reason = "only part of the message is signed";
  if (!dkim.signature.domain.empty()) out.properties.emplace_back("header.d", dkim.signature.domain);
  if (!dkim.signature.selector.empty()) out.properties.emplace_back("header.s", dkim.signature.selector);
  if (dkim.status == DkimStatus::kPass)
    out.properties.emplace_back("header.a", to_string(dkim.signature.algorithm));
  if (!dkim.signature.shown.empty()) out.properties.emplace_back("header.b", dkim.signature.shown);
  return out;
}

MethodResult spf_result(const SpfResult& spf, const char* property, std::string value) {
  return {"spf", to_string(spf.status), spf.reason, {{property, std::move(value)}}};
}

constexpr int kUncertain = 10;

// How much a domain has to say against the message: it disowns it, by what it wants done; it cannot be asked; its policy.
int weight(const DmarcResult& dmarc) {
  const bool disowns = dmarc.status == DmarcStatus::kFail && dmarc.policy != DmarcPolicy::kNone;
  if (disowns) return 2 * kUncertain + static_cast<int>(dmarc.policy);
  return dmarc.status == DmarcStatus::kTempError ? kUncertain : static_cast<int>(dmarc.published);
}

std::string name_of_domain(const std::string& domain) {
  auto ascii = smtp::domain_to_ascii(domain);
  return ascii.ok() ? *std::move(ascii) : ascii_lowered(domain);
}

// And what might have been authentic, had all name servers answered.
Authenticated with_uncertain(Authenticated authenticated, const Authentication& found) {
  for (const DkimResult& dkim : found.dkim) {
    if (dkim.status == DkimStatus::kTempError && !dkim.partial)
      authenticated.dkim.push_back(dkim.signature.domain);
  }
  if (found.spf.status == SpfStatus::kTempError) authenticated.spf = found.spf.domain;
  return authenticated;
}

}  // namespace

bool Authentication::temporary() const {
  return spf.status == SpfStatus::kTempError || dmarc.status == DmarcStatus::kTempError ||
         arc.status == ArcStatus::kTempError ||
         std::any_of(dkim.begin(), dkim.end(),
                     [](const DkimResult& d) { return d.status == DkimStatus::kTempError; });
}

AuthenticationResults to_results(const Authentication& authentication, const MailSource& source,
                                 const std::string& authserv_id) {
  AuthenticationResults out{authserv_id, {}};
  for (const DkimResult& dkim : authentication.dkim) out.results.push_back(dkim_result(dkim));
  if (authentication.dkim.empty()) out.results.push_back({"dkim", "none", "", {}});
  if (!source.reverse_path.empty())
    out.results.push_back(spf_result(authentication.spf, "smtp.mailfrom", source.reverse_path.to_string()));
  if (authentication.spf_helo.status != SpfStatus::kNone)
    out.results.push_back(spf_result(authentication.spf_helo, "smtp.helo", source.helo));
  const DmarcResult& dmarc = authentication.dmarc;
  MethodResult judged{"dmarc", to_string(dmarc.status), dmarc.reason, {}};
  if (!dmarc.domain.empty()) judged.properties.emplace_back(dmarc.property(), dmarc.domain);
  if (!dmarc.policy_domain.empty())
    judged.properties.emplace_back("policy.dmarc", to_string(dmarc.published));
  out.results.push_back(std::move(judged));
  if (authentication.arc.status != ArcStatus::kNone) {
    MethodResult arc{"arc", to_string(authentication.arc.status), authentication.arc.reason, {}};
    if (!authentication.arc.sealer.empty())
      arc.properties.emplace_back("header.d", authentication.arc.sealer);
    out.results.push_back(std::move(arc));
  }
  return out;
}

Result<std::unique_ptr<MessageCheck>> MessageCheck::make(MailSource source, std::string_view message) {
  auto header = mail::HeaderBlock::parse(message);
  ESSAIM_TRY(header);
  const std::string_view body = message.substr(header->body_offset());
  return std::unique_ptr<MessageCheck>(new MessageCheck(std::move(source), *std::move(header), body));
}

MessageCheck::MessageCheck(MailSource source, mail::HeaderBlock header, std::string_view body)
    : source_(std::move(source)),
      header_(std::move(header)),
      index_(header_),
      dkim_(header_, index_, &hashes_),
      arc_(header_, index_, &hashes_) {
  hashes_.take(body);
  hashes_.finish();
  from_fields_ = header_.count("From");
  if (from_fields_ != 1) return;
  const mail::AddressList authors = mail::parse_address_list(header_.find("From")->raw_value());
  // Whoever is read there has no say if the domain beside them does.
  from_names_others_ = authors.may_name_others();
  if (from_names_others_) return;
  for (const mail::Mailbox& mailbox : authors.mailboxes) {
    std::string name = name_of_domain(mailbox.domain);
    if (std::find(author_domains_.begin(), author_domains_.end(), name) == author_domains_.end())
      author_domains_.push_back(std::move(name));
  }
  // RFC 5322 §3.6.2; whoever takes it for the one that posts reads no more than this (lists/incoming.cc).
  if (authors.mailboxes.size() < 2 || header_.count("Sender") != 1) return;
  const mail::AddressList sender = mail::parse_address_list(header_.find("Sender")->raw_value());
  if (sender.mailboxes.size() != 1 || sender.may_name_others()) return;
  std::string name = name_of_domain(sender.mailboxes.front().domain);
  if (std::find(author_domains_.begin(), author_domains_.end(), name) == author_domains_.end())
    sender_domain_ = std::move(name);
}

SpfResult MessageCheck::spf_of_helo(Answers& answers) const {
  return spf(source_, {"postmaster", ascii_lowered(source_.helo)}, answers);
}

DmarcResult MessageCheck::dmarc(const Authenticated& authenticated, Answers& answers) const {
  DmarcResult out = dmarc_of_authors(authenticated, answers);
  if (sender_domain_.empty()) return out;
  DmarcResult sender = evaluate_dmarc(sender_domain_, authenticated, answers);
  if (weight(sender) < kUncertain || weight(sender) <= weight(out)) return out;
  sender.aligned_by.clear();
  sender.aligned_dkim.clear();
  sender.reason = DmarcResult::kOfSender;
  return sender;
}

DmarcResult MessageCheck::dmarc_of_authors(const Authenticated& authenticated, Answers& answers) const {
  if (author_domains_.size() == 1) return evaluate_dmarc(author_domains_.front(), authenticated, answers);
  DmarcResult out;
  if (author_domains_.empty()) {
    out.status = DmarcStatus::kPermError;
    out.reason = from_fields_ != 1    ? "there is not one From field"
                 : from_names_others_ ? "an author cannot be read"
                                      : "there is no author";
    return out;
  }
  // RFC 7489 §6.6.1: the strictest of their policies is applied.
  for (std::size_t i = 0; i < std::min(author_domains_.size(), kMaxAuthorDomains); ++i) {
    DmarcResult one = evaluate_dmarc(author_domains_[i], authenticated, answers);
    if (i == 0 || weight(one) > weight(out)) out = std::move(one);
  }
  if (author_domains_.size() > kMaxAuthorDomains) {
    out.status = DmarcStatus::kFail;
    out.published = out.policy = DmarcPolicy::kReject;
    out.reason = "authors of too many domains";
  }
  if (out.status != DmarcStatus::kFail && out.status != DmarcStatus::kTempError) {
    out.status = DmarcStatus::kPermError;
    out.reason = "authors of several domains";
  }
  out.aligned_by.clear();
  out.aligned_dkim.clear();
  return out;
}

void MessageCheck::look(Answers& answers) const {
  const bool null_sender = source_.reverse_path.empty();
  // What alignment may need if everything passes. First of all what decides about the author and the sender: the rest may
  // be of somebody who wants to leave no questions for it.
  Authenticated candidates;
  if (!source_.client_ip.empty())
    candidates.spf = null_sender ? ascii_lowered(source_.helo) : source_.reverse_path.domain;
  dmarc(candidates, answers);
  if (null_sender)
    spf_of_helo(answers);
  else
    spf(source_, source_.reverse_path, answers);
  answers.keep_back(kForSender);
  dkim_.ask(answers);
  arc_.ask(answers);
  if (!null_sender) spf_of_helo(answers);
  candidates.dkim = dkim_.domains();
  dmarc(candidates, answers);
  answers.keep_back(0);
}

Authentication MessageCheck::conclude(WallTime now, Answers& answers) const {
  Authentication out;
  out.spf_helo = spf_of_helo(answers);
  out.spf = source_.reverse_path.empty() ? out.spf_helo : spf(source_, source_.reverse_path, answers);
  out.dkim = dkim_.results(hashes_, now, answers);
  out.arc = arc_.result(hashes_, now, answers);
  Authenticated authenticated;
  for (const DkimResult& dkim : out.dkim) {
    if (dkim.status == DkimStatus::kPass && !dkim.partial)
      authenticated.dkim.push_back(dkim.signature.domain);
  }
  if (out.spf.status == SpfStatus::kPass) authenticated.spf = out.spf.domain;
  out.dmarc = dmarc(authenticated, answers);
  if (!out.temporary()) return out;
  // Only what would align makes it uncertain: anybody can name a domain of their own whose servers are silent.
  const DmarcResult at_best = dmarc(with_uncertain(std::move(authenticated), out), answers);
  out.may_be_signed = at_best.aligned_dkim.size() > out.dmarc.aligned_dkim.size();
  // Authors of several domains are never authenticated.
  out.may_be_authenticated = !out.author_authenticated() && author_domains_.size() == 1 &&
                             (!at_best.aligned_by.empty() || at_best.status == DmarcStatus::kTempError);
  if (out.dmarc.status == DmarcStatus::kFail && at_best.status != DmarcStatus::kFail) {
    out.dmarc.status = DmarcStatus::kTempError;
    if (!out.dmarc.of_sender()) out.dmarc.reason = "what would align cannot be looked up";
  }
  return out;
}

}  // namespace essaim::mailauth
