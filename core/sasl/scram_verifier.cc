#include "core/sasl/scram_verifier.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/random.h"
#include "core/base/text.h"

namespace essaim::sasl {
namespace {

constexpr std::string_view kScheme = "SCRAM-SHA-256$";
constexpr std::size_t kSalt = 16, kKey = 32;

}  // namespace

ScramVerifier make_scram_verifier(const std::string& password, const std::string& salt, int iterations) {
  unsigned char salted[kKey];
  ESSAIM_CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                 reinterpret_cast<const unsigned char*>(salt.data()),
                                 static_cast<int>(salt.size()), iterations, EVP_sha256(), sizeof salted,
                                 salted) == 1);
  const MacKey key(std::string(reinterpret_cast<const char*>(salted), sizeof salted));
  OPENSSL_cleanse(salted, sizeof salted);
  return {salt, iterations, std::string(octets(sha256(octets(key.mac("Client Key"))))),
          std::string(octets(key.mac("Server Key")))};
}

ScramVerifier make_scram_verifier(const std::string& password) {
  return make_scram_verifier(password, random_key(kSalt));
}

ScramVerifier fake_scram_verifier(std::string_view secret, std::string_view name) {
  const MacKey key{std::string(secret)};
  const auto made = [&](const char* what) {
    return std::string(octets(key.mac(std::string(what) + std::string(name))));
  };
  return {made("salt:").substr(0, kSalt), kScramIterations, made("stored:"), made("server:")};
}

std::string format_scram_verifier(const ScramVerifier& verifier) {
  return std::string(kScheme) + std::to_string(verifier.iterations) + ":" + base64_encoded(verifier.salt) +
         "$" + base64_encoded(verifier.stored_key) + ":" + base64_encoded(verifier.server_key);
}

std::optional<ScramVerifier> parse_scram_verifier(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::nullopt;
  const auto halves = split(text.substr(kScheme.size()), '$');
  if (halves.size() != 2) return std::nullopt;
  const auto first = split(halves[0], ':'), keys = split(halves[1], ':');
  if (first.size() != 2 || keys.size() != 2) return std::nullopt;
  const auto iterations = parse_u64(first[0]);
  auto salt = base64_decoded(first[1]), stored = base64_decoded(keys[0]), server = base64_decoded(keys[1]);
  if (!iterations || *iterations < 1 || *iterations > 10'000'000 || !salt || salt->empty() || !stored ||
      stored->size() != kKey || !server || server->size() != kKey)
    return std::nullopt;
  return ScramVerifier{*std::move(salt), static_cast<int>(*iterations), *std::move(stored),
                       *std::move(server)};
}

}  // namespace essaim::sasl
