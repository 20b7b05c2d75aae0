#include "core/sasl/server_scram.h"

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/random.h"

namespace essaim::sasl {
namespace {

constexpr std::size_t kNonceOctets = 18;
constexpr std::size_t kMaxMessage = 2'048;  // of which the nonce comes back to the client

// RFC 5802 §3: H(ClientProof XOR HMAC(StoredKey, AuthMessage)) is StoredKey.
bool proof_fits(const std::string& proof, const ScramVerifier& verifier, const std::string& auth_message) {
  std::string key(octets(MacKey(verifier.stored_key).mac(auth_message)));
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<char>(static_cast<unsigned char>(key[i]) ^ static_cast<unsigned char>(proof[i]));
  return equal_in_constant_time(octets(sha256(key)), verifier.stored_key);
}

}  // namespace

ServerScram::ServerScram(ChannelBinding binding, Form form, bool binding_offered, std::string nonce)
    : binding_(std::move(binding)),
      form_(form),
      binding_offered_(binding_offered),
      nonce_(nonce.empty() ? base64_encoded(random_key(kNonceOctets)) : std::move(nonce)) {}

Step ServerScram::begin(const std::optional<std::string>& initial) {
  return initial ? respond(*initial) : challenge("");
}

Step ServerScram::respond(const std::string& response) {
  if (response.size() > kMaxMessage) return malformed();
  switch (state_) {
    case State::kFirst:
      return take_first(response);
    case State::kFinal:
      return take_final(response);
    case State::kConfirmed:
      // RFC 4954 §4: the client has seen our signature and answers it with nothing.
      return response.empty() ? Step{Step::Kind::kSuccess, {}} : malformed();
    case State::kVerifier:
    case State::kVerdict:
      break;
  }
  return malformed();
}

Step ServerScram::take_first(const std::string& message) {
  auto parsed = parse_client_first(message);
  if (!parsed) return malformed();
  first_ = *std::move(parsed);
  using Binding = ClientFirst::Binding;
  if ((form_ == Form::kPlus) != (first_.binding == Binding::kUsed)) return malformed();
  // Somebody has taken the offer out on its way (RFC 5802 §6).
  if (first_.binding == Binding::kNotOffered && binding_offered_) return refused();
  if (first_.binding == Binding::kUsed && binding_.find(first_.binding_name) == nullptr) return malformed();
  state_ = State::kVerifier;
  return ask({Question::Kind::kVerifier, first_.name, first_.authzid, ""});
}

Step ServerScram::on_verifier(const ScramVerifier& verifier) {
  verifier_ = verifier;
  nonce_ = first_.nonce + nonce_;
  server_first_ =
      "r=" + nonce_ + ",s=" + base64_encoded(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
  state_ = State::kFinal;
  return challenge(server_first_);
}

Step ServerScram::take_final(const std::string& message) {
  const auto final = parse_client_final(message);
  if (!final) return malformed();
  std::string channel = first_.gs2_header;
  if (first_.binding == ClientFirst::Binding::kUsed) channel += *binding_.find(first_.binding_name);
  const std::string auth_message = first_.bare + "," + server_first_ + "," + final->without_proof;
  const bool same = final->nonce == nonce_ && equal_in_constant_time(final->channel, channel);
  server_signature_ = octets(MacKey(verifier_.server_key).mac(auth_message));
  state_ = State::kVerdict;
  Question question{Question::Kind::kProof, first_.name, first_.authzid, format_scram_verifier(verifier_)};
  question.proven = proof_fits(final->proof, verifier_, auth_message) && same;
  return ask(std::move(question));
}

Step ServerScram::on_verdict(bool accepted) {
  if (!accepted) return refused();
  state_ = State::kConfirmed;
  return challenge("v=" + base64_encoded(server_signature_));
}

}  // namespace essaim::sasl
