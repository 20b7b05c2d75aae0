// Verifies ARC chains (RFC 8617 §5.2): what earlier hops said about a message, sealed by each of them. Used like
// DkimVerifier: read, feed the body, ask(), result(). One thread at a time; the header outlives it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/mailauth/dkim_verify.h"

namespace essaim::mailauth {

enum class ArcStatus { kNone, kPass, kFail, kTempError };
const char* to_string(ArcStatus status);

inline constexpr int kMaxArcSets = 50;  // §4.2.1

struct ArcResult {
  ArcStatus status = ArcStatus::kNone;
  int sets = 0;                // instances in the chain
  std::string sealer;          // d= of the last seal
  std::string reason;          // "" unless it fails
  bool failed_before = false;  // the last seal says so itself: the chain ends
};

// ARC-Seal, read (§4.1.3).
struct Seal {
  int instance = 0;
  Algorithm algorithm = Algorithm::kRsaSha256;
  std::string domain, selector, signature, validation;  // cv=, lower case
};
Result<Seal> parse_seal(std::string_view value);

struct ArcSet {
  const mail::HeaderField* results = nullptr;
  const mail::HeaderField* message = nullptr;
  const mail::HeaderField* seal = nullptr;
};
// By instance. kInvalid: a field that cannot be read, one twice, or a gap; empty without any.
Result<std::vector<ArcSet>> arc_sets(const mail::HeaderBlock& header);
// Feeds what a seal over all the sets covers, but the last seal itself.
void hash_sets(const std::vector<ArcSet>& sets, std::size_t count, Sha256* hash);

class ArcVerifier {
 public:
  ArcVerifier(const mail::HeaderBlock& header, const FieldIndex& index, BodyHashes* hashes);
  void ask(Answers& answers) const;
  ArcResult result(const BodyHashes& hashes, WallTime now, Answers& answers) const;

 private:
  struct SealCheck {
    Seal seal;
    Sha256Digest hash{};
  };
  ArcResult broken(std::string reason) const;

  ArcResult base_;  // if there is nothing to verify
  bool ready_ = false;
  std::vector<SealCheck> seals_;
  std::optional<SignatureCheck> message_;  // of the last set
  std::size_t hash_ = 0;
};

}  // namespace essaim::mailauth
