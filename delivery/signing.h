// Signatures on what goes out, by DKIM. What the copies of a post share is hashed once. A copy without fields of its own
// has the signature of all such copies; a personal copy's own fields are part of what is signed, so its signature is
// made for each recipient. All of it is done on threads that do nothing else (Crew), in groups, never on a loop and
// never while a post is loaded.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/shared_bytes.h"
#include "core/mailauth/sign.h"
#include "storage/records.h"

namespace essaim::delivery {

// The keys that sign for a domain now; none: it is not signed. Thread-safe, does not block.
using KeySource = std::function<mailauth::SigningKeys(const std::string& domain)>;

// Of one post, for each of its forms (ActivePost::wire and wire_7bit). Thread-safe.
class PostSigner {
 public:
  enum class Form { kAsIs = 0, kSevenBit = 1 };

  PostSigner(mailauth::SigningKeys keys, SharedBytes wire, SharedBytes wire_7bit);
  // The fields DKIM-Signature of a copy with `own` fields on top. The first call for a form reads the whole post.
  std::string sign(Form form, std::string_view own, WallTime now) const;
  // Of the copies that have the same fields on top, made with the first call.
  const std::string& common(Form form, std::string_view own, WallTime now) const;
  // Makes what all copies share of all forms; after it sign() costs a signature, and common() nothing.
  void prepare_common(std::string_view own, WallTime now) const;
  bool common_prepared() const { return common_prepared_.load(std::memory_order_acquire); }

 private:
  struct OfForm {
    SharedBytes wire;
    std::once_flag hashed, signed_once;
    std::unique_ptr<const mailauth::HeaderSigner> signer;
    std::string common;
  };
  OfForm& hashed(Form form) const;

  const mailauth::SigningKeys keys_;
  mutable std::array<OfForm, 2> forms_;
  mutable std::atomic<bool> common_prepared_{false};
};

// Null: nothing signs it. By the domain in From, or one above it, if we have keys for it (then the signature is aligned),
// else by the list's. Where nobody is known to stand behind From, by none that may be aligned with it: who judges the copy
// would take the author for authentic. Looks into the header only.
std::shared_ptr<const PostSigner> make_signer(const storage::PostRecord& post, const SharedBytes& wire,
                                              const SharedBytes& wire_7bit, const KeySource& keys);

struct ActiveBatch;

// Blocks (signature and private header) that were made and wait for their turn, of one crew.
class SignedBlocks {
 public:
  void put(const ActiveBatch* batch, std::uint16_t index, std::string block) {
    blocks_[batch][index] = std::move(block);
  }
  // "" if there is none; it is taken.
  std::string take(const ActiveBatch* batch, std::uint16_t index);

 private:
  std::unordered_map<const ActiveBatch*, std::unordered_map<std::uint16_t, std::string>> blocks_;
};

}  // namespace essaim::delivery
