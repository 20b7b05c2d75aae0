#include "delivery/signing.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/header_block.h"
#include "core/mailauth/body_hash.h"
#include "core/smtp/idn.h"
#include "delivery/work.h"

namespace essaim::delivery {
namespace {

// The header with the empty line behind it, as it was before its dots were stuffed.
std::string header_in(std::string_view wire) {
  const std::size_t end = wire.find("\r\n\r\n");
  std::size_t left = end == std::string_view::npos ? wire.size() : end + 4;
  std::string out;
  for_each_unstuffed(wire, [&](const ByteRanges::Range& range) {
    if (range.offset >= left) return false;
    out.append(wire.substr(range.offset, std::min(range.length, left - range.offset)));
    return true;
  });
  return out;
}

Sha256Digest hash_body(std::string_view wire, std::size_t body_offset) {
  mailauth::BodyHasher hasher(mailauth::Canonicalization::kRelaxed);
  std::size_t skip = body_offset;
  for_each_unstuffed(wire, [&](const ByteRanges::Range& range) {
    const std::size_t skipped = std::min(skip, range.length);
    skip -= skipped;
    hasher.update(wire.substr(range.offset + skipped, range.length - skipped));
    return true;
  });
  return hasher.finish();
}

// Of all authors, in their order; "" for one that is no domain.
std::vector<std::string> domains_of_from(const mail::HeaderField& from) {
  std::vector<std::string> out;
  for (const mail::Mailbox& mailbox : mail::parse_address_list(from.raw_value()).mailboxes) {
    auto domain = smtp::domain_to_ascii(mailbox.domain);
    out.push_back(domain.ok() ? *std::move(domain) : std::string());
  }
  return out;
}

// Of the domain itself or of the nearest above it: a signature of that one is aligned with names below it, as are the
// hosts of ours that reports come from (RFC 9989 §4.10.2).
mailauth::SigningKeys keys_at_or_above(std::string_view domain, const KeySource& keys) {
  for (;;) {
    auto found = keys(std::string(domain));
    const std::size_t dot = domain.find('.');
    if (!found.empty() || dot == std::string_view::npos) return found;
    domain.remove_prefix(dot + 1);
  }
}

std::string domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : ascii_lowered(address.substr(at + 1));
}

// Whether a signature of the one may be aligned with the other. Which names are of one organisation only DNS could tell
// (RFC 9989 §4.10.2): all that share two labels are taken to be.
bool may_align(std::string_view a, std::string_view b) {
  const auto top = [](std::string_view domain) {
    const std::size_t dot = domain.rfind('.');
    const std::size_t second = dot == 0 || dot == domain.npos ? domain.npos : domain.rfind('.', dot - 1);
    return second == domain.npos ? domain : domain.substr(second + 1);
  };
  return top(a) == top(b);
}

// From is the author's or the list's in what we pass on; so most posts that nothing signs are known without a look into
// their header.
bool may_be_signed(const storage::PostRecord& post, const KeySource& keys) {
  if (post.kind == storage::PostKind::kNotice || !is_ascii(post.author)) return true;
  const std::array addresses{&post.list_address, &post.author, &post.envelope_sender};
  return std::any_of(addresses.begin(), addresses.end(), [&](const std::string* address) {
    return !keys_at_or_above(domain_of(*address), keys).empty();
  });
}

}  // namespace

PostSigner::PostSigner(mailauth::SigningKeys keys, SharedBytes wire, SharedBytes wire_7bit)
    : keys_(std::move(keys)) {
  forms_[0].wire = std::move(wire);
  forms_[1].wire = std::move(wire_7bit);
}

PostSigner::OfForm& PostSigner::hashed(Form form) const {
  OfForm& of = forms_[static_cast<std::size_t>(form)];
  std::call_once(of.hashed, [&] {
    if (of.wire == nullptr) return;
    const auto header = mail::HeaderBlock::parse(header_in(*of.wire));
    if (!header.ok()) return;
    of.signer = std::make_unique<const mailauth::HeaderSigner>(
        *header, hash_body(*of.wire, header->body_offset()), keys_);
  });
  return of;
}

std::string PostSigner::sign(Form form, std::string_view own, WallTime now) const {
  const OfForm& of = hashed(form);
  return of.signer ? of.signer->sign(own, now) : std::string();
}

const std::string& PostSigner::common(Form form, std::string_view own, WallTime now) const {
  OfForm& of = hashed(form);
  std::call_once(of.signed_once, [&] { of.common = sign(form, own, now); });
  return of.common;
}

void PostSigner::prepare_common(std::string_view own, WallTime now) const {
  for (const Form form : {Form::kAsIs, Form::kSevenBit}) common(form, own, now);
  common_prepared_.store(true, std::memory_order_release);
}

std::shared_ptr<const PostSigner> make_signer(const storage::PostRecord& post, const SharedBytes& wire,
                                              const SharedBytes& wire_7bit, const KeySource& keys) {
  if (!keys || !may_be_signed(post, keys)) return nullptr;
  const auto header = mail::HeaderBlock::parse(header_in(*wire));
  if (!header.ok()) return nullptr;
  const mail::HeaderField* const from = header->find("From");
  if (from == nullptr) return nullptr;  // there must be one to sign (RFC 6376 §5.4)
  const std::vector<std::string> authors = domains_of_from(*from);
  const auto vouches = [&authors](const std::string& domain) {
    return std::any_of(authors.begin(), authors.end(),
                       [&](const std::string& author) { return may_align(domain, author); });
  };
  mailauth::SigningKeys found;
  for (const std::string& domain : {authors.empty() ? std::string() : authors.front(),
                                    domain_of(post.list_address), domain_of(post.envelope_sender)}) {
    if (post.author_unknown && vouches(domain)) continue;
    if (!domain.empty()) found = keys_at_or_above(domain, keys);
    if (!found.empty()) return std::make_shared<const PostSigner>(std::move(found), wire, wire_7bit);
  }
  return nullptr;
}

std::string SignedBlocks::take(const ActiveBatch* batch, std::uint16_t index) {
  const auto of_batch = blocks_.find(batch);
  if (of_batch == blocks_.end()) return {};
  const auto block = of_batch->second.find(index);
  if (block == of_batch->second.end()) return {};
  std::string out = std::move(block->second);
  of_batch->second.erase(block);
  if (of_batch->second.empty()) blocks_.erase(of_batch);
  return out;
}

}  // namespace essaim::delivery
