// Verifies all DKIM signatures of a message as it was received (RFC 6376 §6, RFC 8301, RFC 8463).
//
// Steps, so that DNS can come in between and the bytes need not stay: the constructor reads the signatures, the hashes
// are fed the body in pieces, ask() asks for the keys, results() verifies. Results are those of RFC 8601 §2.7.1. A signature
// passes when it verifies, whatever it covers; `partial` says that it leaves to anybody what people read: octets behind l=, or
// a field above the one that it signs.
//
// Bounded: of more than kMaxSignatures signatures the lower ones are not looked at. Work is linear in the message
// times that. One thread at a time; the header outlives it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/mail/header_block.h"
#include "core/mailauth/answers.h"
#include "core/mailauth/body_hash.h"
#include "core/mailauth/header_hash.h"
#include "core/mailauth/key_record.h"
#include "core/mailauth/signature.h"

namespace essaim::mailauth {

enum class DkimStatus {
  kPass,
  kFail,       // it does not verify: something was changed, or it was never right
  kPolicy,     // it would need what we do not accept: SHA-1, a key that is too short
  kNeutral,    // it cannot be looked at: malformed, expired, too many
  kTempError,  // the name server did not answer
  kPermError,  // there is no usable key
};
const char* to_string(DkimStatus status);

struct DkimResult {
  DkimStatus status = DkimStatus::kNeutral;
  std::string reason;  // "" if it passes
  Signature signature;
  int key_bits = 0;
  bool testing = false;          // the key says t=y
  bool partial = false;          // it may be another's message, see above: it speaks for nobody
  std::size_t position = 0;      // of the field in the header
  std::optional<PublicKey> key;  // that it was verified with, if it passes
};

// What the key says to a signature over a hash. Fills status, reason, key_bits and testing. `for_subdomain`: i= is
// below d=, which a strict key refuses.
DkimResult judge_signature(Algorithm algorithm, const std::string& domain, const std::string& selector,
                           const Sha256Digest& digest, std::string_view signature, Answers& answers,
                           bool for_subdomain = false);

// One signature over one message, DKIM's or ARC's: what both have in common.
class SignatureCheck {
 public:
  SignatureCheck(Signature signature, const mail::HeaderField& own, const FieldIndex& index);
  DkimResult judge(const Sha256Digest& body, std::uint64_t body_octets, WallTime now, Answers& answers) const;
  void ask(Answers& answers) const;  // for the key
  const Signature& signature() const { return signature_; }
  const Sha256Digest& header_hash() const { return header_hash_; }

 private:
  Signature signature_;
  Sha256Digest header_hash_{};
  bool doubled_;  // FieldIndex::is_doubled()
};

// The body, hashed for several signatures in one pass for each canonicalisation.
class BodyHashes {
 public:
  // Before take(). Gives the number by which digest() and octets() are asked.
  std::size_t want(Canonicalization canonicalization, std::optional<std::uint64_t> limit);
  void take(std::string_view bytes);
  void finish();
  const Sha256Digest& digest(std::size_t number) const;
  std::uint64_t octets(std::size_t number) const;

 private:
  struct Entry {
    Canonicalization canonicalization;
    std::optional<std::uint64_t> limit;
  };
  std::vector<Entry> entries_;
  std::map<Canonicalization, BodyHasher> hashers_;
};

// Whether a signature that passed does so over another header or body: with the key that it was verified with, so without
// DNS. `body`: what it is now, finished, and wanted as the signature covers it under `number`; null: it is the same octet for
// octet.
bool still_verifies(const DkimResult& passed, const mail::HeaderBlock& header, const FieldIndex& index,
                    const BodyHashes* body, std::size_t number);

class DkimVerifier {
 public:
  static constexpr std::size_t kMaxSignatures = 12;

  DkimVerifier(const mail::HeaderBlock& header, const FieldIndex& index, BodyHashes* hashes);
  std::vector<std::string> domains() const;  // d= of those that can be looked at
  void ask(Answers& answers) const;          // for the keys
  // When the hashes are finished and the answers there. In the order of the header.
  std::vector<DkimResult> results(const BodyHashes& hashes, WallTime now, Answers& answers) const;

 private:
  struct Entry {
    DkimResult result;  // if there is no check
    std::optional<SignatureCheck> check;
    std::size_t hash = 0;
  };
  std::vector<Entry> entries_;
};

}  // namespace essaim::mailauth
