// What identifies a list in header fields, and what marks a message as having passed an address of ours. Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "lists/recipients.h"
#include "storage/records.h"

namespace essaim::lists {

// What mail is told that bears the mark of where it comes.
inline constexpr std::string_view kHasBeenHere = "mail loop: the message has been here before";

// "dev.lists.example.org" (RFC 2919 §2), without brackets.
inline std::string list_id_of(const storage::ListRecord& list) {
  return list.local + "." + list.domain;
}

// The value of X-Loop for mail that passes a target: one value for all the addresses that mean the same, so
// that a loop over two of them is one.
inline std::string loop_mark(const Target& target) {
  switch (target.kind) {
    case TargetKind::kCommands:
    case TargetKind::kListmasters:
      return target.address.local_key() + "@" + target.address.domain;
    case TargetKind::kRequest:
    case TargetKind::kOwners:
      return target.list.local + "-owner@" + target.list.domain;
    case TargetKind::kEditors:
      return target.list.local + "-editor@" + target.list.domain;
    case TargetKind::kPostmaster:
      return "postmaster@" + target.address.domain;
    case TargetKind::kRelay:
      return "";  // mail of one person to another bears none
    default:
      return target.list.address();
  }
}

}  // namespace essaim::lists
