// Answers to what waits: an author or requester confirms, a moderator, owner or listmaster approves or rejects. The first
// answer counts, whatever node it comes to; who comes later learns what was decided. Runs inside the caller's transaction.
#pragma once

#include <string>

#include "lists/requests/request.h"
#include "storage/held_store.h"

namespace essaim::lists {

enum class Verdict { kApprove, kReject };

struct Answer {
  Verdict verdict = Verdict::kApprove;
  std::string reason;            // of a rejection
  bool ban = false;              // reject, and put the author on the list's blocklist
  bool quiet = false;            // nobody is told
  std::string_view by = "mail";  // how it came, for the log: "mail", "command", "link", "operator"
};

// `who` holds the key, or is the operator. Errors are those of the database.
Result<Response> answer_held(WriteContext& context, const storage::HeldRecord& held, const Answer& answer,
                             const Requester& who);

// What became of it, for who comes late; "": it waits.
std::string what_became_of(const storage::HeldRecord& held, WallTime now, std::string_view language);
// Of something that waits; of a request for a domain, the domain alone. Without a domain: it is gone.
Result<storage::ListRecord> list_of(storage::Connection& connection, const storage::HeldRecord& held);

// What waited too long goes, and those who waited are told; deciders are reminded. For the job. *beside: more waits beside it
// than one transaction bears, which nobody is to be reminded of before then (storage::finish_reminding()); else 0.
Result<void> expire_or_remind(WriteContext& context, const storage::HeldRecord& held, WallTime* beside);

}  // namespace essaim::lists
