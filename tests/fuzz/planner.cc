// Any message, signed in any way, through a list with any settings, for an author of any policy: what goes out is verified
// as the far end does. Signatures that stay are good, the author is either left with one that counts or is the author no
// more, and a list that changes nothing leaves those who sign as others do alone.
#include <algorithm>

#include "core/base/text.h"
#include "lists/render_post.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::lists;
using mailauth::DkimStatus;
using mailauth::DmarcPolicy;

namespace {

constexpr const char* kAuthorDomain = "author.example";

std::shared_ptr<const mailauth::SigningKey> key_of(const char* domain, mailauth::Algorithm algorithm) {
  return std::make_shared<const mailauth::SigningKey>(
      mailauth::SigningKey{domain, "s1", mailauth::PrivateKey::generate(algorithm)});
}
const auto& author_key() {
  static const auto key = key_of(kAuthorDomain, mailauth::Algorithm::kEd25519Sha256);
  return key;
}
const auto& list_key() {
  static const auto key = key_of("lists.example", mailauth::Algorithm::kRsaSha256);
  return key;
}

std::map<std::string, std::string> settings_by(unsigned change, unsigned plan) {
  std::map<std::string, std::string> out;
  if ((change & 1) != 0) out["subject_tag"] = "[dev]";
  if ((change & 2) != 0) out["footer"] = "-- the list";
  if ((change & 4) != 0) out["header"] = "From the list:";
  if ((change & 24) != 0)
    out["reply_to"] = std::array{"list", "none", "all@x.example"}[(change >> 3 & 3) - 1];
  if ((change & 32) != 0) out["add_headers"] = "Comments: added\nKeywords: more";
  if ((change & 64) != 0) out["remove_headers"] = "Organization, X-Mailer, Cc";
  if ((change & 128) != 0) out["envelope"] = "common";
  out["author_protection"] = std::array{"rewrite", "wrap", "refuse", "keep"}[plan & 3];
  out["broken_signatures"] = std::array{"remove", "rename", "keep", "remove"}[plan >> 2 & 3];
  if ((plan & 64) != 0) out["arc_seal"] = "false";
  return out;
}

// Names as a field or a value of h= may have them.
bool is_name(std::string_view name) {
  return !name.empty() && name.size() < 60 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// 0: as most do; 1: From alone; 2: all that is there, and once more; 3: as the input says.
std::vector<std::string> signed_names(unsigned how, const mail::HeaderBlock& header, std::string_view names) {
  std::vector<std::string> out{"from"};
  if (how == 0) {
    out.emplace_back("from");
    for (const mail::HeaderField& field : header.fields()) {
      for (const char* name : {"to", "cc", "subject", "date", "message-id", "mime-version", "content-type"})
        if (field.is(name)) out.emplace_back(name);
    }
  } else if (how == 2) {
    for (const mail::HeaderField& field : header.fields()) {
      if (is_name(field.name())) out.insert(out.end(), 2, ascii_lowered(field.name()));
    }
  } else if (how == 3) {
    for (const std::string_view name : split(names, ':'))
      if (is_name(name)) out.emplace_back(name);
  }
  if (out.size() > 100) out.resize(100);
  return out;
}

const mailauth::DkimResult* result_of(const std::vector<mailauth::DkimResult>& all,
                                      const std::string& signature) {
  for (const auto& one : all)
    if (one.signature.signature == signature) return &one;
  return nullptr;
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(planner) {
  const unsigned change = fuzz::take_choice(&data), plan = fuzz::take_choice(&data),
                 how = fuzz::take_choice(&data);
  const std::string_view names = fuzz::take_until(&data, '\n');
  if (data.size() > 20'000) return;
  const auto parsed = mail::HeaderBlock::parse(data);
  if (!parsed.ok() || parsed->count("DKIM-Signature") > 8 || parsed->count("From") > 1) return;
  Submission submission;
  submission.content = parsed->joined_with(data.substr(parsed->body_offset()));
  if (parsed->count("From") == 0) submission.content.insert(0, "From: Ann <ann@author.example>\r\n");
  const auto header = mail::HeaderBlock::parse(submission.content);
  if (!header.ok()) return;
  mailauth::HowToSign sign;
  sign.header = (how & 1) != 0 ? mailauth::Canonicalization::kSimple : mailauth::Canonicalization::kRelaxed;
  sign.body = (how & 2) != 0 ? mailauth::Canonicalization::kSimple : mailauth::Canonicalization::kRelaxed;
  if ((how & 4) != 0) sign.octets = how >> 6;
  sign.fields = signed_names(how >> 3 & 3, *header, names);
  const bool usual = (how >> 3 & 3) == 0;
  submission.content = mailauth::signed_by_stranger(submission.content, *author_key(), sign);
  submission.received_header = "Received: from client.example by mx.example; now\r\n";
  submission.authserv_id = "mx.example";

  mailauth::Answers answers;
  for (const auto& key : {author_key(), list_key()})
    mailauth::publish(&answers, mailauth::key_record_name(key->selector, key->domain),
                      mailauth::key_record_text(key->key));
  auto found = std::make_shared<mailauth::Authentication>();
  found->dkim = mailauth::verify(submission.content, answers);
  found->arc = mailauth::verify_chain(submission.content, answers);
  found->dmarc.domain = found->dmarc.policy_domain = kAuthorDomain;
  found->dmarc.published = found->dmarc.policy = static_cast<DmarcPolicy>((plan >> 4 & 3) % 3);
  found->dmarc.status = mailauth::DmarcStatus::kFail;
  if (found->dkim.front().status == DkimStatus::kPass) {
    found->dmarc.status = mailauth::DmarcStatus::kPass;
    found->dmarc.aligned_dkim = {kAuthorDomain};
  }
  submission.authentication_header =
      "Authentication-Results: " + format_results(to_results(*found, {}, "mx.example")) + "\r\n";
  submission.authentication = found;
  const auto incoming = parse_incoming(submission);
  if (!incoming.ok() || !incoming->author || incoming->authors.size() != 1) return;

  ManualClock clock;
  Services services;
  services.clock = &clock;
  services.site = {"mx.example", {"postmaster", "example.org"}};
  const bool list_signs = (plan & 128) != 0;
  services.signing_keys = [list_signs](const std::string& domain) {
    return list_signs && domain == "lists.example" ? mailauth::SigningKeys{list_key()}
                                                   : mailauth::SigningKeys{};
  };
  Target target;
  target.address = {"dev", "lists.example"};
  target.list.id = 1;
  target.list.local = "dev";
  target.list.domain = "lists.example";
  target.list.settings = settings_by(change, plan);
  target.settings = settings_of(target.list);
  const auto rendering = render_post(services, submission, *incoming, target);
  if (!rendering.ok()) return;
  const Treatment treatment = rendering->plan.treatment;
  const bool asked = found->dmarc.published != DmarcPolicy::kNone;
  ESSAIM_CHECK(asked || treatment == Treatment::kKeep);
  // A list without tag and footer never rewrites those who sign as others do.
  const bool changes_signed = (change & 0x47) != 0;
  if (usual && !changes_signed && found->dkim.front().status == DkimStatus::kPass)
    ESSAIM_CHECK(treatment == Treatment::kKeep);
  if (treatment == Treatment::kRefuse) return;

  // A copy as it leaves.
  std::string copy = rendering->rendered.private_header + rendering->rendered.rendering;
  if (list_signs) copy = mailauth::signed_message(copy, {list_key()}, &answers);
  const auto far = mailauth::verify(copy, answers);
  if (list_signs) ESSAIM_CHECK(!far.empty() && far.front().status == DkimStatus::kPass);
  const auto received = mail::HeaderBlock::parse(copy);
  ESSAIM_CHECK(received.ok() && received->count("From") == 1);
  const bool own_from = received->value("From")->find("<dev@lists.example>") != std::string::npos;
  ESSAIM_CHECK(own_from == (treatment != Treatment::kKeep));

  bool aligned = false;
  for (const auto& before : found->dkim) {
    if (before.status != DkimStatus::kPass) continue;
    const auto* const after = result_of(far, before.signature.signature);
    const bool good = after != nullptr && after->status == DkimStatus::kPass;
    aligned = aligned || (good && before.signature.domain == kAuthorDomain);
    // What it says it keeps is good, and what it leaves in the header, too.
    if (target.settings.broken_signatures != BrokenSignatures::kKeep && treatment != Treatment::kWrap)
      ESSAIM_CHECK(after == nullptr || good);
  }
  const bool protects = (plan & 3) != 3;
  if (asked && protects && treatment == Treatment::kKeep) ESSAIM_CHECK(aligned);
  // A wrapped message begins a chain of its own.
  const bool chain_broken = found->arc.status == mailauth::ArcStatus::kFail && treatment != Treatment::kWrap;
  if (list_signs && rendering->rendered.rendering.starts_with("ARC-Seal: i="))
    ESSAIM_CHECK(mailauth::verify_chain(copy, answers).status ==
                 (chain_broken ? mailauth::ArcStatus::kFail : mailauth::ArcStatus::kPass));
}
