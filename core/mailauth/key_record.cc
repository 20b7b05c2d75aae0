#include "core/mailauth/key_record.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/mailauth/tag_list.h"

namespace essaim::mailauth {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

Result<KeyRecord> parse_key_record(std::string_view text) {
  auto tags = TagList::parse(text);
  if (!tags.ok()) return tags.error();
  // "v=" is recommended, and first if it is there.
  if (const auto version = tags->find("v");
      version && (*version != "DKIM1" || tags->tags().front().name != "v"))
    return invalid("the version is not DKIM1 at the beginning");
  if (const auto hashes = tags->find("h"); hashes && !has(list_value(*hashes), "sha256"))
    return invalid("the key is not for SHA-256");
  if (const auto services = tags->find("s")) {
    const auto list = list_value(*services);
    if (!has(list, "*") && !has(list, "email")) return invalid("the key is not for e-mail");
  }
  KeyRecord record;
  if (const auto flags = tags->find("t")) {
    const auto list = list_value(*flags);
    record.strict = has(list, "s");
    record.testing = has(list, "y");
  }
  const std::string type = without_white_space(tags->find("k").value_or("rsa"));
  if (type != "rsa" && type != "ed25519") return invalid("unknown type of key");
  const auto data = tags->find("p");
  if (!data) return invalid("there is no p=");
  record.revoked = data->empty();
  if (record.revoked) return record;
  const auto octets = folded_base64_decoded(*data);
  if (!octets) return invalid("p= is not in base 64");
  auto key = PublicKey::parse(type == "rsa" ? Algorithm::kRsaSha256 : Algorithm::kEd25519Sha256, *octets);
  if (!key.ok()) return key.error();
  record.key = *key;
  return record;
}

std::string key_record_text(const PrivateKey& key) {
  return std::string("v=DKIM1; k=") + key_type(key.algorithm()) + "; p=" + base64_encoded(key.public_data());
}

std::string key_record_name(std::string_view selector, std::string_view domain) {
  return std::string(selector) + "._domainkey." + std::string(domain);
}

}  // namespace essaim::mailauth
