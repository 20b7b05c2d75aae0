// Tokens that addresses and links carry, so that what comes back says by itself what it is about, and nobody can make one
// up:
//
//   bounce+<post 13><member 13><mac 10>     return address (VERP) of a copy; member 0: of a common copy
//   obounce+<post 13><member 13><mac 10>    return address of mail to owners, editors, postmaster, abuse
//   <list>-unsubscribe+<key 1><member 13><mac 10>  leave at once: what a personal copy carries
//   leave+<key 1><member 13><mac 10>        the same for lists whose names are too long for that
//   https://.../unsubscribe/<key 1><base 64 of 26 octets>  the same by HTTP (RFC 8058); see append_link()
//
// A member id is that of one membership, so it names the list too, and dies with it.
// The codes are keyed (HMAC, 50 bits; 80 in links), stateless, and made for one purpose each: none passes for another.
// Return addresses have the site's key; what members leave with has the newest of the leave keys (leave_keys.h) and is
// good until that one is retired. Those in addresses are read without regard to case, as some mailers fold local parts.
// Every local part stays within 64 octets (RFC 5321 §4.5.3.1.1). Thread-safe; appending allocates little but room in *out.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/mac.h"
#include "core/base/result.h"
#include "lists/leave_keys.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

inline constexpr std::size_t kLeaveTokenLength = 24;

class Tokens {
 public:
  explicit Tokens(std::string key) : Tokens(key, LeaveKeys::of(key)) {}
  Tokens(std::string key, LeaveKeys leave_keys);
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;
  // With the site's keys, the same on all nodes; made once, on first use. Blocks.
  static Result<std::unique_ptr<Tokens>> load(storage::Database& database);

  // {verp}: the whole local part of the envelope sender, by the kind of the post.
  void append_verp(const storage::PostRecord& post, Id member_id, std::string* out) const;
  // {leave}: what stands behind "<list>-unsubscribe+" or "leave+".
  void append_leave(Id list_id, Id member_id, std::string* out) const;
  // {link}: what stands at the end of the link. It shows nothing of list and member: both are hidden under the key.
  void append_link(Id list_id, Id member_id, std::string* out) const;

  struct Bounce {
    Id post_id = 0;
    Id member_id = 0;  // 0: a common copy, or a recipient that is no member
    bool to_owner = false;
  };
  // Whether it looks like a VERP address at all; then read_bounce() decides.
  static bool is_bounce_form(std::string_view local);
  std::optional<Bounce> read_bounce(std::string_view local) const;

  // What members leave with is read with keys that the reader has just got from the database: a retired one is good
  // nowhere from that moment on, and a new one everywhere.
  struct Leave {
    Id list_id = 0, member_id = 0;
    bool retired = false;  // its key is: it was ours, and is good for nothing
  };
  // The member whom a token names, unchecked: to find the list for the check, where the address does not name it.
  static std::optional<Id> member_of_leave(std::string_view token);
  // The token must have been made for this list.
  static std::optional<Leave> read_leave(const LeaveKeys& keys, Id list_id, std::string_view token);
  static std::optional<Leave> read_link(const LeaveKeys& keys, std::string_view token);
  // What can be told without the database: ours, by a key that is not known here, or nobody's.
  enum class LinkForm { kOurs, kUnknownKey, kForeign };
  static LinkForm form_of_link(const LeaveKeys& keys, std::string_view token);

  // The keys that make tokens from now on. Earlier ones are kept for those who use them at this moment.
  void set_leave_keys(LeaveKeys keys);
  const LeaveKeys& leave_keys() const { return *leave_keys_.load(std::memory_order_acquire); }

 private:
  MacKey key_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<const LeaveKeys>> kept_;
  std::atomic<const LeaveKeys*> leave_keys_{nullptr};
};

}  // namespace essaim::lists
