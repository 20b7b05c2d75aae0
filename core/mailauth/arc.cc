#include "core/mailauth/arc.h"

#include <array>

#include "core/base/text.h"
#include "core/mailauth/tag_list.h"
#include "core/smtp/idn.h"

namespace essaim::mailauth {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}

Result<int> read_instance(std::string_view text) {
  const auto instance = parse_u64(text);
  if (!instance || *instance == 0 || *instance > kMaxArcSets) return invalid("no instance from 1 to 50");
  return static_cast<int>(*instance);
}

// i= of ARC-Authentication-Results.
Result<int> parse_instance(std::string_view value) {
  const std::string_view first = value.substr(0, value.find(';'));
  const std::size_t equals = first.find('=');
  if (equals == std::string_view::npos || trimmed(first.substr(0, equals)) != "i")
    return invalid("no instance");
  return read_instance(trimmed(first.substr(equals + 1)));
}

Result<int> instance_of(const mail::HeaderField& field) {
  if (field.is("ARC-Authentication-Results")) return parse_instance(field.raw_value());
  const auto tags = TagList::parse(field.raw_value());
  ESSAIM_TRY(tags);
  return read_instance(without_white_space(tags->find("i").value_or("")));
}

}  // namespace

const char* to_string(ArcStatus status) {
  switch (status) {
    case ArcStatus::kNone:
      return "none";
    case ArcStatus::kPass:
      return "pass";
    case ArcStatus::kFail:
      return "fail";
    case ArcStatus::kTempError:
      return "temperror";
  }
  return "none";
}

Result<Seal> parse_seal(std::string_view value) {
  const auto tags = TagList::parse(value);
  ESSAIM_TRY(tags);
  if (tags->find("h")) return invalid("h= in a seal");  // §4.1.3
  Seal seal;
  const auto get = [&](std::string_view name) { return without_white_space(tags->find(name).value_or("")); };
  const auto instance = read_instance(get("i"));
  ESSAIM_TRY(instance);
  seal.instance = *instance;
  const std::string algorithm = ascii_lowered(get("a"));
  if (algorithm == to_string(Algorithm::kEd25519Sha256)) {
    seal.algorithm = Algorithm::kEd25519Sha256;
  } else if (algorithm != to_string(Algorithm::kRsaSha256)) {
    return invalid("unknown algorithm");
  }
  const auto domain = smtp::domain_to_ascii(get("d"));
  if (!domain.ok() || domain->empty() || domain->size() > 253) return invalid("no domain");
  seal.domain = *domain;
  const auto selector = parse_selector(get("s"));
  ESSAIM_TRY(selector);
  seal.selector = *selector;
  seal.validation = ascii_lowered(get("cv"));
  if (seal.validation != "none" && seal.validation != "pass" && seal.validation != "fail")
    return invalid("no cv=");
  const auto signature = folded_base64_decoded(tags->find("b").value_or(""));
  if (!signature || signature->empty()) return invalid("b= is not in base 64");
  seal.signature = *signature;
  return seal;
}

Result<std::vector<ArcSet>> arc_sets(const mail::HeaderBlock& header) {
  struct Kind {
    std::string_view name;
    const mail::HeaderField* ArcSet::*place;
  };
  static constexpr std::array kinds{Kind{"ARC-Authentication-Results", &ArcSet::results},
                                    Kind{"ARC-Message-Signature", &ArcSet::message},
                                    Kind{"ARC-Seal", &ArcSet::seal}};
  std::vector<ArcSet> sets;
  for (const mail::HeaderField& field : header.fields()) {
    for (const Kind& kind : kinds) {
      if (!field.is(kind.name)) continue;
      const auto instance = instance_of(field);
      if (!instance.ok()) return invalid(std::string(kind.name) + ": " + instance.error().message);
      const auto number = static_cast<std::size_t>(*instance);
      if (sets.size() < number) sets.resize(number);
      if (sets[number - 1].*kind.place != nullptr)
        return invalid(std::string(kind.name) + " twice for instance " + std::to_string(number));
      sets[number - 1].*kind.place = &field;
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (sets[i].results == nullptr || sets[i].message == nullptr || sets[i].seal == nullptr)
      return invalid("instance " + std::to_string(i + 1) + " is not complete");
  }
  return sets;
}

// §5.1.1: by instance, and in each the results, the signature, the seal.
void hash_sets(const std::vector<ArcSet>& sets, std::size_t count, Sha256* hash) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<const mail::HeaderField*> fields{sets[i].results, sets[i].message,
                                                       i + 1 < count ? sets[i].seal : nullptr};
    hash_fields(fields, Canonicalization::kRelaxed, hash);
  }
}

ArcResult ArcVerifier::broken(std::string reason) const {
  ArcResult out = base_;
  out.status = ArcStatus::kFail;
  out.reason = std::move(reason);
  return out;
}

ArcVerifier::ArcVerifier(const mail::HeaderBlock& header, const FieldIndex& index, BodyHashes* hashes) {
  const auto sets = arc_sets(header);
  if (!sets.ok()) {
    base_ = broken(sets.error().message);
    return;
  }
  if (sets->empty()) return;
  base_.sets = static_cast<int>(sets->size());
  for (std::size_t i = 0; i < sets->size(); ++i) {
    auto seal = parse_seal((*sets)[i].seal->raw_value());
    if (!seal.ok()) {
      base_ = broken("ARC-Seal " + std::to_string(i + 1) + ": " + seal.error().message);
      return;
    }
    base_.sealer = seal->domain;
    base_.failed_before = seal->validation == "fail";
    if (seal->validation != (i == 0 ? "none" : "pass")) {
      base_ = broken("cv=" + seal->validation + " in seal " + std::to_string(i + 1));
      return;
    }
    Sha256 hash;
    hash_sets(*sets, i + 1, &hash);
    hash_own_field(without_signature_value((*sets)[i].seal->raw()), Canonicalization::kRelaxed, &hash);
    seals_.push_back({*std::move(seal), hash.finish()});
  }
  auto message = parse_signature(sets->back().message->raw_value(), SignatureKind::kArcMessage);
  if (!message.ok()) {
    base_ = broken("ARC-Message-Signature: " + message.error().message);
    return;
  }
  hash_ = hashes->want(message->body, message->body_length);
  message_.emplace(*std::move(message), *sets->back().message, index);
  ready_ = true;
}

void ArcVerifier::ask(Answers& answers) const {
  if (!ready_) return;
  message_->ask(answers);
  for (const SealCheck& check : seals_)
    answers.find(RecordType::kText, key_record_name(check.seal.selector, check.seal.domain));
}

ArcResult ArcVerifier::result(const BodyHashes& hashes, WallTime now, Answers& answers) const {
  if (!ready_) return base_;
  const auto judged = [this](DkimStatus status, const std::string& what) {
    ArcResult out = broken(what);
    if (status == DkimStatus::kTempError) out.status = ArcStatus::kTempError;
    return out;
  };
  const DkimResult message = message_->judge(hashes.digest(hash_), hashes.octets(hash_), now, answers);
  if (message.status != DkimStatus::kPass)
    return judged(message.status, "ARC-Message-Signature: " + message.reason);
  if (message.partial)
    return judged(DkimStatus::kFail, "ARC-Message-Signature: only part of the message is signed");
  for (auto check = seals_.rbegin(); check != seals_.rend(); ++check) {
    const DkimResult seal = judge_signature(check->seal.algorithm, check->seal.domain, check->seal.selector,
                                            check->hash, check->seal.signature, answers);
    if (seal.status != DkimStatus::kPass)
      return judged(seal.status, "ARC-Seal " + std::to_string(check->seal.instance) + ": " + seal.reason);
  }
  ArcResult out = base_;
  out.status = ArcStatus::kPass;
  return out;
}

}  // namespace essaim::mailauth
