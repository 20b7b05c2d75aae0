#include "tests/core/mailauth/signed_mail.h"

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::mailauth {

std::vector<DkimResult> verify(const std::string& message, Answers& answers, WallTime now) {
  const auto header = mail::HeaderBlock::parse(message);
  ESSAIM_CHECK(header.ok());
  const FieldIndex index(*header);
  BodyHashes hashes;
  const DkimVerifier verifier(*header, index, &hashes);
  hashes.take(std::string_view(message).substr(header->body_offset()));
  hashes.finish();
  verifier.ask(answers);
  return verifier.results(hashes, now, answers);
}

void publish(Answers* answers, const std::string& name, const std::string& text) {
  answers->add({RecordType::kText, name}, {Answer::Status::kOk, {text}, {}});
}

std::string signed_message(const std::string& message, const SigningKeys& keys, Answers* answers,
                           const std::string& own) {
  const auto header = mail::HeaderBlock::parse(message);
  ESSAIM_CHECK(header.ok());
  const HeaderSigner signer(
      *header, body_hash(std::string_view(message).substr(header->body_offset()), Canonicalization::kRelaxed),
      keys);
  for (const auto& key : keys)
    publish(answers, key_record_name(key->selector, key->domain), key_record_text(key->key));
  return signer.sign(own, from_millis(1'790'000'000'000)) + own + message;
}

std::string signed_by_stranger(const std::string& message, const SigningKey& key, const HowToSign& how) {
  const auto header = mail::HeaderBlock::parse(message);
  ESSAIM_CHECK(header.ok());
  BodyHasher body(how.body, how.octets);
  body.update(std::string_view(message).substr(header->body_offset()));
  const Sha256Digest digest = body.finish();
  std::vector<std::string> lowered;
  std::string names;
  for (const std::string& name : how.fields) {
    lowered.push_back(ascii_lowered(name));
    names += (names.empty() ? "" : ":") + name;
  }
  std::string field = std::string("DKIM-Signature: v=1; a=") + to_string(key.key.algorithm()) +
                      "; c=" + to_string(how.header) + "/" + to_string(how.body) + "; d=" + key.domain +
                      "; s=" + key.selector + ";\r\n\th=" + folded_names(names) + ";\r\n\tbh=" +
                      base64_encoded({reinterpret_cast<const char*>(digest.data()), digest.size()});
  if (how.octets) field += "; l=" + std::to_string(*how.octets);
  field += ";\r\n\tb=";
  const FieldIndex index(*header);
  Sha256 hash;
  hash_fields(index.select(lowered), how.header, &hash);
  hash_own_field(field + "\r\n", how.header, &hash);
  return field + folded_base64(key.key.sign(hash.finish())) + "\r\n" + message;
}

ArcResult verify_chain(const std::string& message, Answers& answers) {
  const auto header = mail::HeaderBlock::parse(message);
  ESSAIM_CHECK(header.ok());
  const FieldIndex index(*header);
  BodyHashes hashes;
  const ArcVerifier verifier(*header, index, &hashes);
  hashes.take(std::string_view(message).substr(header->body_offset()));
  hashes.finish();
  verifier.ask(answers);
  return verifier.result(hashes, from_millis(1'790'000'000'000), answers);
}

std::shared_ptr<const SigningKey> rsa_key() {
  static const auto key = std::make_shared<const SigningKey>(
      SigningKey{"lists.example.org", "r1", PrivateKey::generate(Algorithm::kRsaSha256)});
  return key;
}

std::shared_ptr<const SigningKey> ed25519_key() {
  static const auto key = std::make_shared<const SigningKey>(
      SigningKey{"lists.example.org", "e1", PrivateKey::generate(Algorithm::kEd25519Sha256)});
  return key;
}

}  // namespace essaim::mailauth
