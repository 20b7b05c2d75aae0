// What the sender of a submission asked for about one of its targets (RFC 3461 §4). Pure functions.
#pragma once

#include "lists/acceptance.h"
#include "lists/recipients.h"
#include "storage/records.h"

namespace essaim::lists {

// Two recipients of one transaction may mean the same target: "dev" and "DEV", postmaster and abuse.
bool mean_the_same(const Target& a, const Target& b);

// The first recipient that means the target; it must be one of the submission's.
const Submission::Recipient& recipient_of(const Submission& submission, const Target& target);

// As the ledger keeps it.
storage::DsnRequest dsn_request(const Submission& submission, const Submission::Recipient& recipient);

// The address that the sender used, for reports; <postmaster> gets our host's name.
std::string named_address(const Submission::Recipient& recipient);

// What a kept NOTIFY asks for. Nothing said is FAILURE, and DELAY where we like (RFC 3461 §4.1).
struct Notify {
  bool success = false;
  bool failure = true;
  bool delay = true;
};
Notify notify_of(const storage::DsnRequest& request);

// Who stands behind the address in MAIL, which anybody can write there.
enum class SenderProof {
  kVouched,  // a login, SPF, or a DKIM signature of its domain or of one above; or nothing was verified at all
  kUnknown,  // its domain says nothing
  kDisowned  // its domain says that it is not theirs: SPF fails, or DMARC where the author is of the same domain
};
SenderProof sender_proof(const Submission& submission);

// What is asked for about mail that goes to people behind an address of ours, less what would be backscatter to who did
// not write. Where the sender's domain disowns the message nothing is left. Where nobody knows, FAILURE is, with the header:
// a sender whose mail was taken has to hear of that (RFC 5321 §6.1); but not what can be asked for to multiply mail.
storage::DsnRequest without_backscatter(const Submission& submission, storage::DsnRequest request);

}  // namespace essaim::lists
