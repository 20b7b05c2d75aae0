// Verifying and signing whole messages in tests, with keys in Answers instead of DNS.
#pragma once

#include <string>
#include <vector>

#include "core/mailauth/arc.h"
#include "core/mailauth/dkim_verify.h"
#include "core/mailauth/sign.h"

namespace essaim::mailauth {

// The results for `message`, with what `answers` says; a key that it lacks is a temporary error.
std::vector<DkimResult> verify(const std::string& message, Answers& answers,
                               WallTime now = from_millis(1'790'000'000'000));

void publish(Answers* answers, const std::string& name, const std::string& text);

// `message` with the signatures of `keys` on top, and their records published.
std::string signed_message(const std::string& message, const SigningKeys& keys, Answers* answers,
                           const std::string& own = "");

// As strangers sign: whatever fields, canonical in whatever way, perhaps only the beginning of the body.
struct HowToSign {
  Canonicalization header = Canonicalization::kRelaxed;
  Canonicalization body = Canonicalization::kRelaxed;
  std::vector<std::string> fields;        // of h=, in order
  std::optional<std::uint64_t> octets{};  // of l=
};
std::string signed_by_stranger(const std::string& message, const SigningKey& key, const HowToSign& how);

ArcResult verify_chain(const std::string& message, Answers& answers);

// One key of each kind for the whole test program.
std::shared_ptr<const SigningKey> rsa_key();
std::shared_ptr<const SigningKey> ed25519_key();

}  // namespace essaim::mailauth
