#include "core/mailauth/sign.h"

#include <algorithm>
#include <array>

#include "core/base/counters.h"
#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/mailauth/canonical.h"
#include "core/mailauth/header_hash.h"

namespace essaim::mailauth {
namespace {

// RFC 6376 §5.4.1, and what lists add. Not among them: what hops change or add (Received, Return-Path,
// Authentication-Results, DKIM-Signature).
constexpr std::array kSigned{"from",
                             "sender",
                             "reply-to",
                             "subject",
                             "date",
                             "message-id",
                             "to",
                             "cc",
                             "in-reply-to",
                             "references",
                             "mime-version",
                             "content-type",
                             "content-id",
                             "content-transfer-encoding",
                             "content-description",
                             "content-disposition",
                             "resent-date",
                             "resent-from",
                             "resent-sender",
                             "resent-to",
                             "resent-cc",
                             "resent-message-id",
                             "archived-at",
                             "auto-submitted",
                             "precedence",
                             "feedback-id",
                             "original-from"};

constexpr std::size_t kMaxLine = 76;

void add_name(std::string_view name, std::string* names) {
  if (!names->empty()) names->push_back(':');
  for (const char c : name) names->push_back(ascii_lower(c));
}

// Fields of a block of CRLF lines, from below.
std::vector<std::string_view> fields_from_below(std::string_view block) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  while (begin < block.size()) {
    std::size_t end = begin;
    do {
      end = block.find("\r\n", end);
      end = end == std::string_view::npos ? block.size() : end + 2;
    } while (end < block.size() && (block[end] == ' ' || block[end] == '\t'));
    out.push_back(block.substr(begin, end - begin));
    begin = end;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

bool is_signed_field(std::string_view name) {
  const std::string lower = ascii_lowered(name);
  return lower.starts_with("list-") || std::find(kSigned.begin(), kSigned.end(), lower) != kSigned.end();
}

std::string folded_names(std::string_view names) {
  std::string out;
  std::size_t line = 3;
  for (const std::string_view name : split(names, ':')) {
    if (!out.empty()) {
      out.push_back(':');
      if (line + name.size() + 2 > kMaxLine) {
        out.append("\r\n\t ");
        line = 2;
      }
    }
    out.append(name);
    line += name.size() + 1;
  }
  return out;
}

std::string folded_base64(std::string_view octets) {
  const std::string text = base64_encoded(octets);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 70) {
    if (at > 0) out.append("\r\n\t ");
    out.append(text, at, 70);
  }
  return out;
}

HeaderSigner::HeaderSigner(const mail::HeaderBlock& header, const Sha256Digest& body, SigningKeys keys)
    : keys_(std::move(keys)), body_hash_(base64_encoded(octets(body))) {
  std::vector<const mail::HeaderField*> fields;
  for (auto field = header.fields().rbegin(); field != header.fields().rend(); ++field) {
    if (!is_signed_field(field->name())) continue;
    fields.push_back(&*field);
    add_name(field->name(), &names_);
  }
  hash_fields(fields, Canonicalization::kRelaxed, &common_);
}

std::string HeaderSigner::sign(std::string_view own, WallTime now) const {
  if (keys_.empty()) return {};
  std::string names = names_;
  Sha256 hash(common_);
  std::string text;
  for (const std::string_view field : fields_from_below(own)) {
    const std::string_view name = trimmed(field.substr(0, field.find(':')));
    if (!is_signed_field(name)) continue;
    add_name(name, &names);
    append_canonical_field(field, Canonicalization::kRelaxed, &text);
  }
  hash.update(text);
  add_name("from", &names);  // once more than there are: oversigned
  const std::string rest = "; t=" + std::to_string(to_millis(now) / 1000) +
                           ";\r\n\th=" + folded_names(names) + ";\r\n\tbh=" + body_hash_ + ";\r\n\tb=";
  std::string out;
  for (const auto& key : keys_) {
    const std::string field = std::string("DKIM-Signature: v=1; a=") + to_string(key->key.algorithm()) +
                              "; c=relaxed/relaxed;\r\n\td=" + key->domain + "; s=" + key->selector + rest;
    Sha256 whole(hash);
    hash_own_field(field, Canonicalization::kRelaxed, &whole);
    out.append(field).append(folded_base64(key->key.sign(whole.finish()))).append("\r\n");
    count(key->key.algorithm() == Algorithm::kRsaSha256 ? Counter::kSignaturesRsa
                                                        : Counter::kSignaturesEd25519);
  }
  return out;
}

}  // namespace essaim::mailauth
