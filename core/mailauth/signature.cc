#include "core/mailauth/signature.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/dns/packet.h"
#include "core/mailauth/dmarc.h"
#include "core/mailauth/tag_list.h"
#include "core/smtp/idn.h"

namespace essaim::mailauth {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}

Result<Canonicalization> one_canonicalization(std::string_view word) {
  if (word == "simple") return Canonicalization::kSimple;
  if (word == "relaxed") return Canonicalization::kRelaxed;
  return invalid("unknown canonicalisation");
}

// Header and body; what is left out is simple.
Result<void> read_canonicalization(std::string_view value, Signature* out) {
  const std::string text = without_white_space(value);
  const std::size_t slash = text.find('/');
  const auto header = one_canonicalization(std::string_view(text).substr(0, slash));
  ESSAIM_TRY(header);
  out->header = *header;
  if (slash == std::string::npos) return {};
  const auto body = one_canonicalization(std::string_view(text).substr(slash + 1));
  ESSAIM_TRY(body);
  out->body = *body;
  return {};
}

Result<void> read_algorithm(std::string_view value, Signature* out) {
  const std::string text = ascii_lowered(without_white_space(value));
  if (text == "rsa-sha256") {
    out->algorithm = Algorithm::kRsaSha256;
  } else if (text == "ed25519-sha256") {
    out->algorithm = Algorithm::kEd25519Sha256;
  } else if (text == "rsa-sha1") {
    out->sha1 = true;
  } else {
    return invalid("unknown algorithm");
  }
  return {};
}

Result<std::string> read_domain(std::string_view value) {
  auto domain = smtp::domain_to_ascii(without_white_space(value));
  if (!domain.ok()) return invalid("no domain: " + domain.error().message);
  if (domain->empty() || domain->size() > 253) return invalid("no domain");
  return domain;
}

Result<std::optional<std::uint64_t>> read_number(const TagList& tags, std::string_view name) {
  const auto value = tags.find(name);
  if (!value) return std::optional<std::uint64_t>{};
  const std::string text = without_white_space(*value);
  // §3.5: an implementation may take a number that it cannot hold for infinite.
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || text.size() > 76) return invalid("tag " + std::string(name) + " is no number");
  return std::optional<std::uint64_t>(parse_u64(text).value_or(UINT64_MAX));
}

Result<void> read_identity(const TagList& tags, Signature* out) {
  out->identity = "@" + out->domain;
  out->identity_domain = out->domain;
  const auto value = tags.find("i");
  if (!value) return {};
  out->identity = without_white_space(*value);
  const std::size_t at = out->identity.rfind('@');
  if (at == std::string::npos) return invalid("i= has no @");
  const auto domain = read_domain(std::string_view(out->identity).substr(at + 1));
  ESSAIM_TRY(domain);
  out->identity_domain = *domain;
  if (!is_or_is_below(*domain, out->domain)) return invalid("i= is not within d=");
  return {};
}

Result<void> read_fields(const TagList& tags, SignatureKind kind, Signature* out) {
  const auto value = tags.find("h");
  if (!value) return invalid("there is no h=");
  out->signed_fields = list_value(ascii_lowered(*value));
  if (out->signed_fields.empty()) return invalid("h= is empty");
  if (out->signed_fields.size() > kMaxSignedFields) return invalid("h= names too many fields");
  const auto named = [&](std::string_view name) {
    return std::find(out->signed_fields.begin(), out->signed_fields.end(), name) != out->signed_fields.end();
  };
  if (kind == SignatureKind::kDkim && !named("from")) return invalid("From is not signed");
  if (kind == SignatureKind::kArcMessage && named("arc-seal")) return invalid("ARC-Seal is signed");
  return {};
}

Result<void> read_times(const TagList& tags, Signature* out) {
  const auto time = read_number(tags, "t");
  ESSAIM_TRY(time);
  const auto expires = read_number(tags, "x");
  ESSAIM_TRY(expires);
  out->expires = *expires;
  if (*time && *expires && **expires <= **time) return invalid("it expires before it was made");
  return {};
}

Result<void> read_kind(const TagList& tags, SignatureKind kind, Signature* out) {
  if (kind == SignatureKind::kDkim) {
    if (tags.find("v").value_or("") != "1") return invalid("the version is not 1");
    const auto methods = tags.find("q");
    if (methods) {
      const auto list = list_value(*methods);
      if (std::find(list.begin(), list.end(), "dns/txt") == list.end())
        return invalid("unknown way to get the key");
    }
    return {};
  }
  const auto instance = parse_u64(without_white_space(tags.find("i").value_or("")));
  if (!instance || *instance == 0 || *instance > 50) return invalid("no instance from 1 to 50");
  out->instance = static_cast<int>(*instance);
  return {};
}

Result<void> read_all(const TagList& tags, SignatureKind kind, Signature* out) {
  const auto value = tags.find("b");
  if (value) out->shown = without_white_space(*value).substr(0, 8);
  const auto selector = parse_selector(tags.find("s").value_or(""));
  if (selector.ok()) out->selector = *selector;
  const auto domain = read_domain(tags.find("d").value_or(""));
  ESSAIM_TRY(domain);
  out->domain = *domain;
  ESSAIM_TRY(selector);
  ESSAIM_TRY(read_kind(tags, kind, out));
  if (!tags.find("a")) return invalid("there is no a=");
  ESSAIM_TRY(read_algorithm(*tags.find("a"), out));
  if (const auto c = tags.find("c")) ESSAIM_TRY(read_canonicalization(*c, out));
  ESSAIM_TRY(read_fields(tags, kind, out));
  if (kind == SignatureKind::kDkim) {
    ESSAIM_TRY(read_identity(tags, out));
  } else {
    out->identity_domain = out->domain;
  }
  const auto length = read_number(tags, "l");
  ESSAIM_TRY(length);
  out->body_length = *length;
  ESSAIM_TRY(read_times(tags, out));
  const auto signature = folded_base64_decoded(value.value_or(""));
  if (!signature || signature->empty()) return invalid("b= is not in base 64");
  out->signature = *signature;
  const auto hash = folded_base64_decoded(tags.find("bh").value_or(""));
  if (!hash || hash->empty()) return invalid("bh= is not in base 64");
  out->body_hash = *hash;
  return {};
}

}  // namespace

Result<Signature> parse_signature(std::string_view value, SignatureKind kind, Signature* partial) {
  const auto tags = TagList::parse(value);
  ESSAIM_TRY(tags);
  Signature signature;
  const auto read = read_all(*tags, kind, &signature);
  if (partial != nullptr) *partial = signature;
  ESSAIM_TRY(read);
  return signature;
}

Result<std::string> parse_selector(std::string_view value) {
  const std::string text = without_white_space(value);
  if (text.empty()) return invalid("there is no s=");
  auto name = smtp::domain_to_ascii(text);
  if (!name.ok() || !dns::is_host_name(*name)) return invalid("s= is no name");
  return name;
}

std::string without_signature_value(std::string_view field) {
  std::string out;
  out.reserve(field.size());
  const std::size_t colon = field.find(':');
  out.append(field.substr(0, colon + 1));
  std::string_view rest = field.substr(colon + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = rest.substr(0, end);
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos && trimmed(part.substr(0, equals)) == "b") {
      out.append(part.substr(0, equals + 1));
      // The line end of the field itself stays.
      if (end == rest.size() && part.ends_with("\r\n")) out.append("\r\n");
    } else {
      out.append(part);
    }
    if (end < rest.size()) out.push_back(';');
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

}  // namespace essaim::mailauth
