// Tokens that addresses carry, so that mail which comes back says by itself what it is about, and nobody can
// make one up:
//
//   bounce+<post 13><member 13><mac 10>     return address (VERP) of a copy; member 0: of a common copy
//   obounce+<post 13><member 13><mac 10>    return address of mail to owners, editors, postmaster, abuse
//   <list>-unsubscribe+<member 13><mac 10>  leave at once: what a personal copy carries
//   leave+<member 13><mac 10>               the same for lists whose names are too long for that
//
// A member id is that of one membership, so it names the list too, and dies with it.
// The codes are keyed (HMAC, 50 bits), stateless, and made for one purpose each: none passes for another.
// They are read without regard to case, as some mailers fold local parts. Every local part stays within 64
// octets (RFC 5321 §4.5.3.1.1). Immutable and thread-safe; appending allocates nothing but room in *out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/mac.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

inline constexpr std::size_t kLeaveTokenLength = 23;

class Tokens {
 public:
  explicit Tokens(std::string key) : key_(std::move(key)) {}
  // With the site's key, the same on all nodes; made once, on first use. Blocks.
  static Result<std::unique_ptr<Tokens>> load(storage::Database& database);

  // {verp}: the whole local part of the envelope sender, by the kind of the post.
  void append_verp(const storage::PostRecord& post, Id member_id, std::string* out) const;
  // {leave}: what stands behind "<list>-unsubscribe+" or "leave+".
  void append_leave(Id list_id, Id member_id, std::string* out) const;

  struct Bounce {
    Id post_id = 0;
    Id member_id = 0;  // 0: a common copy, or a recipient that is no member
    bool to_owner = false;
  };
  // Whether it looks like a VERP address at all; then read_bounce() decides.
  static bool is_bounce_form(std::string_view local);
  std::optional<Bounce> read_bounce(std::string_view local) const;
  // The member whom a token names, unchecked: to find the list for the check, where the address does not name
  // it.
  static std::optional<Id> member_of_leave(std::string_view token);
  // The member; the token must have been made for this list.
  std::optional<Id> read_leave(Id list_id, std::string_view token) const;

 private:
  std::string mac(char purpose, Id a, Id b) const;
  bool matches(char purpose, Id a, Id b, std::string_view mac) const;
  MacKey key_;
};

}  // namespace essaim::lists
