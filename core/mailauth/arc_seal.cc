#include "core/mailauth/arc_seal.h"

#include "core/base/encoding.h"

namespace essaim::mailauth {
namespace {

std::string signed_with(const std::string& field, Sha256 hash, const SigningKey& key) {
  hash_own_field(field, Canonicalization::kRelaxed, &hash);
  return field + folded_base64(key.key.sign(hash.finish())) + "\r\n";
}

std::string key_tags(const SigningKey& key, WallTime now) {
  return std::string("; a=") + to_string(key.key.algorithm()) + "; d=" + key.domain + "; s=" + key.selector +
         ";\r\n\tt=" + std::to_string(to_millis(now) / 1000);
}

// ARC-Message-Signature: the fields that DKIM signs, and the signatures that are there (§4.1.2).
std::string message_signature(const mail::HeaderBlock& header, const Sha256Digest& body,
                              const std::string& instance, const SigningKey& key, WallTime now) {
  std::vector<const mail::HeaderField*> fields;
  std::string names;
  for (auto field = header.fields().rbegin(); field != header.fields().rend(); ++field) {
    if (!is_signed_field(field->name()) && !field->is("DKIM-Signature")) continue;
    fields.push_back(&*field);
    if (!names.empty()) names.push_back(':');
    names.append(field->name());
  }
  Sha256 hash;
  hash_fields(fields, Canonicalization::kRelaxed, &hash);
  const std::string body_hash = base64_encoded(octets(body));
  return signed_with("ARC-Message-Signature: i=" + instance + key_tags(key, now) +
                         "; c=relaxed/relaxed;\r\n\th=" + folded_names(names) + ";\r\n\tbh=" + body_hash +
                         ";\r\n\tb=",
                     hash, key);
}

}  // namespace

std::string arc_fields(const mail::HeaderBlock& header, const Sha256Digest& body, const ArcResult& chain,
                       const AuthenticationResults& results, const SigningKey& key, WallTime now) {
  const auto sets = arc_sets(header);
  if (chain.failed_before || !sets.ok() || sets->size() >= kMaxArcSets ||
      chain.status == ArcStatus::kTempError || header.find("From") == nullptr)
    return {};
  const std::string instance = std::to_string(sets->size() + 1);
  const std::string own_results =
      "ARC-Authentication-Results: i=" + instance + "; " + format_results(results) + "\r\n";
  const std::string message = message_signature(header, body, instance, key, now);
  Sha256 hash;
  hash_sets(*sets, sets->size(), &hash);
  // hash_sets() leaves out the last seal of those it is given; here it is one of the earlier ones.
  if (!sets->empty()) hash_fields({sets->back().seal}, Canonicalization::kRelaxed, &hash);
  std::string text;
  append_canonical_field(own_results, Canonicalization::kRelaxed, &text);
  append_canonical_field(message, Canonicalization::kRelaxed, &text);
  hash.update(text);
  const std::string validation = sets->empty() ? "none" : chain.status == ArcStatus::kPass ? "pass" : "fail";
  // §5.1.2: the seal of a failed chain covers its own set alone.
  Sha256 alone;
  alone.update(text);
  const std::string seal =
      signed_with("ARC-Seal: i=" + instance + key_tags(key, now) + "; cv=" + validation + ";\r\n\tb=",
                  validation == "fail" ? alone : hash, key);
  return seal + message + own_results;
}

}  // namespace essaim::mailauth
