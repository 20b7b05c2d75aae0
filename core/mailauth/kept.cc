#include "core/mailauth/kept.h"

#include "core/base/encoding.h"

namespace essaim::mailauth {
namespace {

constexpr std::uint8_t kVersion = 1;

template <typename Enum>
void put(std::string* out, Enum value) {
  put_u8(out, static_cast<std::uint8_t>(value));
}

// What is beyond `last` comes from another version.
template <typename Enum>
void take(Reader& in, Enum last, Enum* value, bool* good) {
  const std::uint8_t octet = in.u8();
  *good = *good && octet <= static_cast<std::uint8_t>(last);
  *value = static_cast<Enum>(octet);
}

void put(std::string* out, const SpfResult& spf) {
  put(out, spf.status);
  put_string(out, spf.domain);
  put_string(out, spf.reason);
}

void take(Reader& in, SpfResult* spf, bool* good) {
  take(in, SpfStatus::kPermError, &spf->status, good);
  spf->domain = in.string();
  spf->reason = in.string();
}

void put(std::string* out, const DkimResult& dkim) {
  put(out, dkim.status);
  put_string(out, dkim.reason);
  put_varint(out, dkim.position);
  put_varint(out, static_cast<std::uint64_t>(dkim.key_bits));
  put_u8(out, dkim.testing ? 1 : 0);
  put_u8(out, dkim.partial ? 1 : 0);
  put_string(out, dkim.key ? dkim.key->data() : "");
}

void take(Reader& in, const mail::HeaderBlock& header, DkimResult* dkim, bool* good) {
  take(in, DkimStatus::kPermError, &dkim->status, good);
  dkim->reason = in.string();
  dkim->position = in.varint();
  dkim->key_bits = static_cast<int>(in.varint());
  dkim->testing = in.u8() != 0;
  dkim->partial = in.u8() != 0;
  const std::string_view key = in.string();
  if (in.failed() || dkim->position >= header.fields().size() ||
      !header.fields()[dkim->position].is("DKIM-Signature")) {
    *good = false;
    return;
  }
  const auto signature =
      parse_signature(header.fields()[dkim->position].raw_value(), SignatureKind::kDkim, &dkim->signature);
  if (signature.ok()) dkim->signature = *signature;
  if (key.empty()) {
    *good = *good && dkim->status != DkimStatus::kPass;
    return;
  }
  auto parsed = PublicKey::parse(dkim->signature.algorithm, key);
  *good = *good && signature.ok() && parsed.ok();
  if (parsed.ok()) dkim->key = *std::move(parsed);
}

void put(std::string* out, const ArcResult& arc) {
  put(out, arc.status);
  put_varint(out, static_cast<std::uint64_t>(arc.sets));
  put_string(out, arc.sealer);
  put_string(out, arc.reason);
  put_u8(out, arc.failed_before ? 1 : 0);
}

void take(Reader& in, ArcResult* arc, bool* good) {
  take(in, ArcStatus::kTempError, &arc->status, good);
  arc->sets = static_cast<int>(in.varint());
  arc->sealer = in.string();
  arc->reason = in.string();
  arc->failed_before = in.u8() != 0;
}

void put(std::string* out, const DmarcResult& dmarc) {
  put(out, dmarc.status);
  put_string(out, dmarc.domain);
  put_string(out, dmarc.policy_domain);
  put(out, dmarc.published);
  put(out, dmarc.policy);
  put_string(out, dmarc.aligned_by);
  put_varint(out, dmarc.aligned_dkim.size());
  for (const std::string& domain : dmarc.aligned_dkim) put_string(out, domain);
  put_string(out, dmarc.reason);
}

void take(Reader& in, DmarcResult* dmarc, bool* good) {
  take(in, DmarcStatus::kPermError, &dmarc->status, good);
  dmarc->domain = in.string();
  dmarc->policy_domain = in.string();
  take(in, DmarcPolicy::kReject, &dmarc->published, good);
  take(in, DmarcPolicy::kReject, &dmarc->policy, good);
  dmarc->aligned_by = in.string();
  for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left)
    dmarc->aligned_dkim.emplace_back(in.string());
  dmarc->reason = in.string();
}

}  // namespace

std::string kept_authentication(const Authentication& authentication) {
  std::string out;
  put_u8(&out, kVersion);
  put(&out, authentication.spf);
  put(&out, authentication.spf_helo);
  put_varint(&out, authentication.dkim.size());
  for (const DkimResult& dkim : authentication.dkim) put(&out, dkim);
  put(&out, authentication.arc);
  put(&out, authentication.dmarc);
  return out;
}

Result<Authentication> authentication_kept(std::string_view octets, const mail::HeaderBlock& header) {
  Reader in(octets);
  Authentication out;
  bool good = in.u8() == kVersion;
  take(in, &out.spf, &good);
  take(in, &out.spf_helo, &good);
  for (std::uint64_t left = in.varint(); left > 0 && good && !in.failed(); --left)
    take(in, header, &out.dkim.emplace_back(), &good);
  take(in, &out.arc, &good);
  take(in, &out.dmarc, &good);
  if (!good || in.failed() || in.remaining() != 0)
    return Error{ErrorCode::kDamaged, "what was verified about the message cannot be read"};
  return out;
}

}  // namespace essaim::mailauth
