// THE place where a failure becomes a decision: (stage, reply, who made it, what else could be tried) -> what
// to do with the candidate or the recipient. Everything that fails on the way out asks here; nobody else
// looks at the first digit of a reply. Pure functions over a table of rows; thread-safe.
#pragma once

#include <cstddef>

#include "delivery/work.h"

namespace essaim::delivery {

enum class Verdict {
  kNextCandidate,  // this host is of no use; the next one may be. A recipient comes back for it
  kDefer,          // later, with backoff
  kFail,           // for good
  kReturn,         // not attempted: at once, on another connection
};
const char* to_string(Verdict verdict);

struct Trouble {
  Stage stage = Stage::kLost;
  const smtp::Reply* reply = nullptr;  // never null when asked
  bool from_peer = false;
  bool more_candidates = false;
  // Something was concluded before on this connection, and not by being returned, or learned for the next one (or, at
  // RCPT, in this transaction: another recipient was accepted). Only then may work be returned for another connection, or it
  // could go round for ever.
  bool progress = false;
  bool bdat = false;  // the reply is to BDAT
};

Verdict decide(const Trouble& trouble);

// "Too many recipients" in one of its spellings (RFC 5321 §4.5.3.1.10, RFC 3463 X.5.3): a limit per
// transaction and nothing against this recipient. By X.7.x it is one on what we bring in a time, which another connection does not
// change.
bool says_too_many_recipients(const smtp::Reply& reply);

// REQUIRETLS cannot be had there: 5.7.30, or 5.7.10 where there is no TLS that is verified (RFC 8689 §4.2.1).
bool says_no_require_tls(const smtp::Reply& reply);

// A permanent failure that is the message's own (RFC 3463 X.6.x: media and content, X.3.4 and RFC 1870 §6.1:
// too big; RFC 6531: needs SMTPUTF8; RFC 8689: needs REQUIRETLS), or is said of us: at MAIL, where no recipient was named yet, and
// X.7.x (policy: spam, our address, no authentication) behind the recipients, who had been accepted; at RCPT it may be
// the recipient's. So is what says nothing by an enhanced code behind the recipients, unless it was said of one recipient alone
// and names a mailbox. The same recipient takes other mail, so it counts against nobody. `recipients`: of whom it was said.
bool says_message(Stage stage, const smtp::Reply& reply, std::size_t recipients);

// A permanent failure by which a host refuses us, or what we bring, and not one mailbox or one message that is too big or of a kind
// that it does not take: any at MAIL, X.7.x, and what says nothing by an enhanced code behind the recipients, or by 554.
bool refuses_us(Stage stage, const smtp::Reply& reply);

// Whether a peer's deferral says anything about the recipient: about its mailbox or its address, or it may. What is said before it was
// named, 421, and policy or content behind it (as above) are about us, the host or the message.
bool speaks_of_recipient(Stage stage, const smtp::Reply& reply);
// The same of a deferral that was made here: neither name servers nor hosts of the domain answer (X.4.x). When the time of a post is
// over, that tells of a dead domain. Not so where they do and the policy for TLS cannot be had (4.7.5), where we have no way to
// them (4.3.5), or where the way is ours and not the domain's: a smart host, or this server.
bool says_nobody_is_there(Stage stage, const smtp::Reply& reply, bool our_way);

// Members of a list who were never tried have no part in it that the time of the post is over: it is reported like all that
// fails, but says nothing about them.
bool expired_untried(const storage::PostRecord& post, int attempts);
smtp::Reply expired_reply(bool untried, std::string_view last = {});

// The peer, or something before it, does not know BDAT though CHUNKING was offered.
bool says_unknown_command(const smtp::Reply& reply);

Outcome::Kind outcome_kind(Verdict verdict);

// For tests: the rows, so that each can be shown to decide something.
std::size_t policy_rows();
std::size_t matching_row(const Trouble& trouble);

}  // namespace essaim::delivery
