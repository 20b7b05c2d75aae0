// Takes a message from a session to a durable commit and a reply (DESIGN §1, steps 1 to 3):
//   1. the header is parsed once, each target decides by its rules, and renders: on a database reader thread; within
//      submit() for a small post to one list by an author who is known (known_facts.h), if it is not refused;
//   2. in ONE write: lists are checked to be as they were when decided (else it is decided anew, three times
//      at most), what was seen before is found out, posts are stored, small ones are expanded, requests take
//      effect; of who has logged in, the account must be as it was then, else it is 421, and the session ends;
//   3. after the durable commit: the bell rings, and the reply is 250 with the queue id.
// What is too large for so many targets together is refused before any is looked at (total_size.h). A commit of
// unknown outcome is resolved first. Refusals name the rule; trouble of storage is 451, a full disk 452.
//
// Thread-safe. `done` is called exactly once, on a database thread. Services and this outlive all submissions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/mailauth/message_check.h"
#include "core/sasl/login.h"
#include "core/smtp/address.h"
#include "core/smtp/dsn_parameters.h"
#include "core/smtp/reply.h"
#include "lists/recipients.h"
#include "lists/scenario/scenario.h"
#include "lists/services.h"
#include "lists/total_size.h"

namespace essaim::lists {

struct Submission {
  Id id = 0;  // the queue id, already in the Received line
  smtp::Address reverse_path;
  bool eight_bit = false;       // BODY=8BITMIME was said; what the rendering has is looked at anyway
  bool smtputf8 = false;        // SMTPUTF8 was said: a header in UTF-8 needs it onwards, too
  smtp::DsnMailParameters dsn;  // RET and ENVID
  bool require_tls = false;     // REQUIRETLS was said
  std::string client;           // "name [192.0.2.1]"
  std::string client_ip;        // for rules on networks; "" for unknown
  // How the author is known, and what became of a post that waited.
  scenario::Auth auth = scenario::Auth::kSmtp;
  std::shared_ptr<const sasl::Login> login;  // who submitted it with a password; null: it came from outside
  std::string held_account;                  // whose login that was, of a post that waited; "" for none
  bool confirmed = false;                    // by its author, with a key
  std::string validated_by;                  // the moderator who let it pass; "" for none
  std::string received_header;               // one or more CRLF lines, put on top of what is passed on
  struct Recipient {
    smtp::Address address;
    std::shared_ptr<const Target> target;
    smtp::DsnRcptParameters dsn{};  // NOTIFY and ORCPT
  };
  std::vector<Recipient> recipients;
  std::string content;  // as received: CRLF lines, dots unstuffed
  WallTime received{};  // when the transaction began, for the delay in the log
  // What was verified about it; null: nothing was.
  std::shared_ptr<const mailauth::Authentication> authentication;
  bool judged = true;           // false: that serves the planner alone, and nobody is doubted for it
  bool trusted_sealer = false;  // the last seal of its ARC chain is of a domain that we trust
  std::string authserv_id;      // ours: what claims to be of it is removed
  // It came by the port for what this server has for itself: copies of lists, and mail for owners that are lists.
  bool from_our_lists = false;
  // A mail filter would have somebody look at it: its name and words; "" for none.
  std::string held_by, held_because;
  bool body_changed = false;           // by a filter: signatures of the author do not cover it
  std::optional<Treatment> treatment;  // of the author of a post that waited, as decided when it came
  std::string authentication_header;  // Authentication-Results, CRLF lines, over received_header; "" for none

  // The account that sent it; "" for none.
  const std::string& account() const { return login ? login->account : held_account; }
};

class KnownFacts;

class Acceptance {
 public:
  using Done = std::function<void(smtp::Reply)>;
  // `most_octets`: of one submission with all its targets, as kMostOctets.
  explicit Acceptance(const Services& services, std::uint64_t most_octets = kMostOctets);

  void submit(std::shared_ptr<Submission> submission, Done done) const;

 private:
  const Services& services_;
  const std::uint64_t most_octets_;
  const std::shared_ptr<KnownFacts> facts_;  // also of those that are on their way
};

}  // namespace essaim::lists
