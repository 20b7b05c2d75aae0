#include "core/mailauth/dkim_verify.h"

namespace essaim::mailauth {
namespace {

DkimResult conclude(DkimResult& result, DkimStatus status, std::string reason) {
  result.status = status;
  result.reason = std::move(reason);
  return result;
}

// The first of the texts that is a key record; of none, why the last is none.
Result<KeyRecord> first_key(const std::vector<std::string>& texts) {
  Result<KeyRecord> record = Error{ErrorCode::kNotFound, "no key"};
  for (const std::string& text : texts) {
    record = parse_key_record(text);
    if (record.ok()) break;
  }
  return record;
}

}  // namespace

const char* to_string(DkimStatus status) {
  switch (status) {
    case DkimStatus::kPass:
      return "pass";
    case DkimStatus::kFail:
      return "fail";
    case DkimStatus::kPolicy:
      return "policy";
    case DkimStatus::kNeutral:
      return "neutral";
    case DkimStatus::kTempError:
      return "temperror";
    case DkimStatus::kPermError:
      return "permerror";
  }
  return "neutral";
}

DkimResult judge_signature(Algorithm algorithm, const std::string& domain, const std::string& selector,
                           const Sha256Digest& digest, std::string_view signature, Answers& answers,
                           bool for_subdomain) {
  DkimResult result;
  const Answer* answer = answers.find(RecordType::kText, key_record_name(selector, domain));
  if (answer == nullptr || answer->status == Answer::Status::kTemporary)
    return conclude(result, DkimStatus::kTempError, "the key cannot be looked up");
  if (answer->none()) return conclude(result, DkimStatus::kPermError, "no key for signature");
  const auto record = first_key(answer->values);
  if (!record.ok()) return conclude(result, DkimStatus::kPermError, "key record: " + record.error().message);
  result.testing = record->testing;
  if (record->revoked) return conclude(result, DkimStatus::kPermError, "key revoked");
  if (record->key->algorithm() != algorithm)
    return conclude(result, DkimStatus::kPermError, "the key is of another type");
  if (record->strict && for_subdomain)
    return conclude(result, DkimStatus::kPermError, "the key is not for subdomains");
  result.key_bits = record->key->bits();
  if (algorithm == Algorithm::kRsaSha256 && (result.key_bits < kMinRsaBits || result.key_bits > kMaxRsaBits))
    return conclude(result, DkimStatus::kPolicy, "key of " + std::to_string(result.key_bits) + " bits");
  if (!record->key->verify(digest, signature))
    return conclude(result, DkimStatus::kFail, "signature did not verify");
  result.status = DkimStatus::kPass;
  result.key = record->key;
  return result;
}

SignatureCheck::SignatureCheck(Signature signature, const mail::HeaderField& own, const FieldIndex& index)
    : signature_(std::move(signature)), doubled_(index.is_doubled(signature_.signed_fields)) {
  Sha256 hash;
  hash_fields(index.select(signature_.signed_fields), signature_.header, &hash);
  hash_own_field(without_signature_value(own.raw()), signature_.header, &hash);
  header_hash_ = hash.finish();
}

void SignatureCheck::ask(Answers& answers) const {
  if (!signature_.sha1)
    answers.find(RecordType::kText, key_record_name(signature_.selector, signature_.domain));
}

DkimResult SignatureCheck::judge(const Sha256Digest& body, std::uint64_t body_octets, WallTime now,
                                 Answers& answers) const {
  DkimResult result;
  result.signature = signature_;
  if (signature_.sha1) return conclude(result, DkimStatus::kPolicy, "rsa-sha1 is not accepted");
  if (signature_.expires && *signature_.expires < static_cast<std::uint64_t>(to_millis(now) / 1000))
    return conclude(result, DkimStatus::kNeutral, "signature expired");
  if (signature_.body_length && *signature_.body_length > body_octets)
    return conclude(result, DkimStatus::kNeutral, "the body is shorter than l=");
  result = judge_signature(signature_.algorithm, signature_.domain, signature_.selector, header_hash_,
                           signature_.signature, answers, signature_.identity_domain != signature_.domain);
  result.signature = signature_;
  result.partial = doubled_ || (signature_.body_length && *signature_.body_length < body_octets);
  const bool verified = result.status == DkimStatus::kPass || result.status == DkimStatus::kFail;
  if (verified && octets(body) != signature_.body_hash)
    return conclude(result, DkimStatus::kFail, "body hash did not verify");
  return result;
}

bool still_verifies(const DkimResult& passed, const mail::HeaderBlock& header, const FieldIndex& index,
                    const BodyHashes* body, std::size_t number) {
  const Signature& signature = passed.signature;
  if (!passed.key) return false;
  const mail::HeaderField* own = nullptr;
  for (const mail::HeaderField* field : header.find_all("DKIM-Signature")) {
    Signature other;
    if (parse_signature(field->raw_value(), SignatureKind::kDkim, &other).ok() &&
        other.signature == signature.signature)
      own = field;
  }
  if (own == nullptr) return false;
  if (body != nullptr && (octets(body->digest(number)) != signature.body_hash ||
                          (signature.body_length && *signature.body_length > body->octets(number))))
    return false;
  return passed.key->verify(SignatureCheck(signature, *own, index).header_hash(), signature.signature);
}

std::size_t BodyHashes::want(Canonicalization canonicalization, std::optional<std::uint64_t> limit) {
  hashers_.try_emplace(canonicalization, canonicalization, limit).first->second.want(limit);
  entries_.push_back({canonicalization, limit});
  return entries_.size() - 1;
}

void BodyHashes::take(std::string_view bytes) {
  for (auto& [canonicalization, hasher] : hashers_) hasher.update(bytes);
}

void BodyHashes::finish() {
  for (auto& [canonicalization, hasher] : hashers_) hasher.finish();
}

const Sha256Digest& BodyHashes::digest(std::size_t number) const {
  const Entry& entry = entries_[number];
  return hashers_.at(entry.canonicalization).digest(entry.limit);
}

std::uint64_t BodyHashes::octets(std::size_t number) const {
  return hashers_.at(entries_[number].canonicalization).octets();
}

DkimVerifier::DkimVerifier(const mail::HeaderBlock& header, const FieldIndex& index, BodyHashes* hashes) {
  for (std::size_t i = 0; i < header.fields().size(); ++i) {
    const mail::HeaderField& field = header.fields()[i];
    if (!field.is("DKIM-Signature")) continue;
    if (entries_.size() == kMaxSignatures) break;
    Entry& entry = entries_.emplace_back();
    entry.result.position = i;
    auto signature = parse_signature(field.raw_value(), SignatureKind::kDkim, &entry.result.signature);
    if (!signature.ok()) {
      entry.result.reason = signature.error().message;
      continue;
    }
    entry.hash = hashes->want(signature->body, signature->body_length);
    entry.check.emplace(*std::move(signature), field, index);
  }
}

std::vector<std::string> DkimVerifier::domains() const {
  std::vector<std::string> out;
  for (const Entry& entry : entries_) {
    if (entry.check) out.push_back(entry.check->signature().domain);
  }
  return out;
}

void DkimVerifier::ask(Answers& answers) const {
  for (const Entry& entry : entries_) {
    if (entry.check) entry.check->ask(answers);
  }
}

std::vector<DkimResult> DkimVerifier::results(const BodyHashes& hashes, WallTime now,
                                              Answers& answers) const {
  std::vector<DkimResult> out;
  for (const Entry& entry : entries_) {
    out.push_back(entry.check
                      ? entry.check->judge(hashes.digest(entry.hash), hashes.octets(entry.hash), now, answers)
                      : entry.result);
    out.back().position = entry.result.position;
  }
  return out;
}

}  // namespace essaim::mailauth
