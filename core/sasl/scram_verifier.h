// What the server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to check a proof, not to make
// one. Values; pure but for the salt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::sasl {

// The same for all accounts, so that the number tells nobody which of them exist.
inline constexpr int kScramIterations = 10'000;

struct ScramVerifier {
  std::string salt;
  int iterations = 0;
  std::string stored_key, server_key;  // 32 octets each
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

// `password` is prepared. Takes some milliseconds: off the loops.
ScramVerifier make_scram_verifier(const std::string& password, const std::string& salt,
                                  int iterations = kScramIterations);
ScramVerifier make_scram_verifier(const std::string& password);  // with a fresh salt
// Of an account that is not there: always the same for the same name and secret, and no proof fits.
ScramVerifier fake_scram_verifier(std::string_view secret, std::string_view name);

// RFC 5803: "SCRAM-SHA-256$10000:<salt>$<StoredKey>:<ServerKey>", base 64.
std::string format_scram_verifier(const ScramVerifier& verifier);
std::optional<ScramVerifier> parse_scram_verifier(std::string_view text);

}  // namespace essaim::sasl
