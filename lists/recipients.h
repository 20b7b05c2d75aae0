// What an address of ours is, decided at RCPT. The list's own name comes first: a list called "x-owner" is a
// list, and only if there is none is "x-owner" the owners of x.
//
//   <list>                      a post            <list>-owner      its owners
//   <list>-request              its owners, or a command if the subject is exactly that
//   <list>-editor               its editors, or owners if there are none
//   <list>-subscribe            joining           <list>-unsubscribe[+TOKEN]  leaving
//   leave+TOKEN                 leaving, for lists with long names; a TOKEN is good whatever its list is called by now
//   confirm+KEY, approve+KEY, reject+KEY, ban+KEY, answer+KEY       answers to what waits (held/keys.h)
//   sympa (setting robot)       commands          listmaster, sympa-request, sympa-owner   listmasters
//   bounce+..., obounce+...     bounces (VERP)    postmaster[@any of ours], abuse@any of ours
//
// A name that a list had before it was renamed or went to another domain is the list's, with all of these, as long as its domain
// is ours and no other list is called so.
//
// "Ours" are the domains in the database, and the host's name for postmaster and abuse. A forged or altered
// token is 550 5.1.1. Trouble with the database is 451 4.3.0, never "no such list". A database without any domain is one that
// was not filled yet, or not the right one (a volume that is not mounted): 451 4.3.5 for what would be 550.
//
// Thread-safe. The asynchronous form calls `done` once, on a database thread, or within the call for a list that was
// asked for a moment ago (recent_targets.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "core/smtp/address.h"
#include "core/smtp/reply.h"
#include "lists/services.h"
#include "lists/settings.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

enum class TargetKind {
  kPost,         // the list itself
  kOwners,       // -owner
  kRequest,      // -request
  kEditors,      // -editor
  kSubscribe,    // -subscribe
  kLeave,        // -unsubscribe
  kLeaveToken,   // -unsubscribe+TOKEN: leaves at once
  kKey,          // confirm+KEY ...: an answer to what waits
  kCommands,     // the command robot; `list` has the domain alone
  kBounce,       // a copy to a member came back
  kOwnerBounce,  // mail to owners or postmaster came back
  kPostmaster,   // postmaster and abuse
  kListmasters,  // likewise
  kRelay,        // somebody elsewhere, from an account that may (relay.h)
};
enum class KeyVerb { kApprove, kReject, kBan, kAnswer };
const char* to_string(TargetKind kind);

// Immutable; shared between the session and acceptance.
struct Target {
  TargetKind kind = TargetKind::kPost;
  smtp::Address address;     // as named by the peer; <postmaster> has got the host's name as its domain
  storage::ListRecord list;  // id 0: none
  ListSettings settings;     // of the list
  Id post_id = 0;            // bounces
  Id member_id = 0;          // bounces, leaving by token
  Id held_id = 0;            // of a key
  KeyVerb key_verb = KeyVerb::kApprove;
};

// The largest message that a target takes, in octets; 0: no limit of its own. Of a post it is the list's max_size. Who may not
// post so much may have to show it to the owners: mail for the people behind an address may have 25 MB in any case.
std::uint64_t max_size_of(const Target& target);

struct Resolution {
  smtp::Reply reply;                     // 250 2.1.5, or the refusal with its rule in the text
  std::shared_ptr<const Target> target;  // null unless positive
  std::uint64_t max_size = 0;            // of a message to it, in octets; 0: no limit of its own
  bool elsewhere = false;                // refused, for now or for ever, because the domain is none of ours
};

class RecentTargets;

class RecipientResolver {
 public:
  explicit RecipientResolver(const Services& services);

  void resolve(const smtp::Address& recipient, std::function<void(Resolution)> done) const;
  // On the caller's thread, inside a read. Errors of the database are in the reply.
  Resolution resolve(storage::Connection& connection, const smtp::Address& recipient) const;

 private:
  using Read = void (storage::Database::*)(storage::Work, storage::Done);
  void resolve(Read read, const smtp::Address& recipient, std::function<void(Resolution)> done) const;
  Result<Resolution> find(storage::Connection& connection, const smtp::Address& recipient) const;
  Result<Resolution> leave_target(storage::Connection& connection, const smtp::Address& recipient,
                                  std::optional<storage::ListRecord> named, std::string_view token) const;
  const Services& services_;
  std::shared_ptr<RecentTargets> recent_;
};

}  // namespace essaim::lists
