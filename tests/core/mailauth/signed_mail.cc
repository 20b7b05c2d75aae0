#include "tests/core/mailauth/signed_mail.h"

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
