// What the stores keep, as plain values. Addresses are in lower case where they are keys (domain always; `local_key` is
// the lower-cased local part beside `local` as written).
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"

namespace essaim::storage {

struct DomainRecord {
  Id id = 0;
  std::string name;
  std::map<std::string, std::string> settings;  // defaults for its lists; names as in lists/settings
  WallTime created{};
  std::int64_t policy = 0;  // as a list's domain_policy
};

enum class ListState : int { kOpen = 0, kClosed = 1 };

struct ListRecord {
  Id id = 0;
  Id domain_id = 0;
  std::string local;   // lower case
  std::string domain;  // name of the domain
  ListState state = ListState::kOpen;
  std::int64_t revision = 1;                           // grows with every change of membership
  std::map<std::string, std::string> settings;         // only what was set
  std::map<std::string, std::string> domain_settings;  // what the domain sets
  std::string settings_text, domain_settings_text;     // as they were read; "" if they were not
  std::int64_t policy = 0, domain_policy = 0;          // new with every change of their texts (text_store.h)
  WallTime created{};
  std::string address() const { return local + "@" + domain; }
};

// A listmaster is one of a domain, or of the site: their `list_id` is the domain's id, or 0.
enum class Role : int { kMember = 0, kOwner = 1, kEditor = 2, kListmaster = 3 };

// How a member has the list's posts. The numbers are stored; programs that know only 0 and 1 take the others for 1.
enum class Reception : int {
  kNone = 0,         // not at all; of owners and editors: no mail of their role
  kEach = 1,         // each as it comes
  kDigest = 2,       // several together, as they are (RFC 2046 §5.1.5)
  kPlainDigest = 3,  // several together, as one text (RFC 1153)
  kSummary = 4,      // only what there was
  kNotOwn = 5,       // each but the member's own
};
// Whether it is mail that the list makes of several posts.
constexpr bool is_gathered(Reception reception) {
  return reception == Reception::kDigest || reception == Reception::kPlainDigest ||
         reception == Reception::kSummary;
}

struct MemberRecord {
  Id id = 0;  // of this membership; unique over all lists; tokens and VERP bear it
  Id list_id = 0;
  Role role = Role::kMember;
  std::string local;
  std::string domain;
  std::string name;
  Reception reception = Reception::kEach;
  bool conceal = false;     // not shown to other members
  bool privileged = false;  // of an owner: may change what others may not
  std::string language;     // of what is written to them; "": the list's
  std::int64_t joined = 0;  // list revision from which on it is a member
  std::int64_t left = 0;    // list revision from which on it is none; 0: still is
  WallTime since{};
  int bounces = 0;          // definite failures recorded
  std::string last_bounce;  // reply or status of the last one
  WallTime last_bounce_at{};
  std::string address() const { return local + "@" + domain; }
  // Gets nothing because its copies came back (bouncer_store.h): what it had before.
  std::optional<Reception> stopped{};
  bool has_mail() const { return reception != Reception::kNone; }
  // As whoever looks after it wants it.
  Reception wanted() const { return stopped.value_or(reception); }
};

enum class PostKind : int {
  kList = 0,     // a post to a list, expanded to its members
  kForward = 1,  // mail to owners, editors, postmaster, abuse: passed on to the people behind
  kNotice = 2,   // written by us: confirmations, reports; expanded to the members where it is for all of them
};
// Which body and envelope a recipient gets.
enum class CopyMode : int {
  kCommon = 0,    // the same bytes and envelope sender for all: up to 100 recipients in a transaction
  kPersonal = 1,  // own envelope sender and own header block each
};

// One of the forms in which the bytes of a post are kept. Each is fixed at acceptance.
enum class Form : int {
  kAsIs = 0,
  kSevenBit = 1,  // for hosts without 8BITMIME or SMTPUTF8; not every post has one
};

// What the sender asked for (RFC 3461 §4), as on the wire: xtext stays xtext. A post is for one target, so NOTIFY
// and ORCPT are those of that recipient.
struct DsnRequest {
  std::string ret;                 // "FULL", "HDRS"; "" if not given, as the others
  std::string envelope_id;         // ENVID
  std::string notify;              // "NEVER", "SUCCESS,FAILURE" ...
  std::string original_recipient;  // "rfc822;user+2Btag@domain"
  friend bool operator==(const DsnRequest&, const DsnRequest&) = default;
};

// What the sender asks of TLS on the way (RFC 8689).
enum class TlsRequest : int {
  kNone = 0,
  kRequired = 1,  // REQUIRETLS: over TLS that is verified, to hosts that promise the same; else not at all
  kOptional =
      2,  // "TLS-Required: No": in clear rather than not at all, whatever the recipient's domain publishes
};

// Reports that a post can have led to (RFC 3464).
enum class Report : int { kDelayed = 1, kFailed = 2, kDelivered = 4 };

struct PostRecord {
  Id id = 0;  // the queue id
  PostKind kind = PostKind::kList;
  Id list_id = 0;            // 0: none
  std::string list_address;  // for logs and the ledger; "" if none
  std::int64_t list_revision = 0;
  std::string sender;      // reverse-path as received; "" for null
  std::string author;      // address in From
  std::string message_id;  // with <>
  std::string subject;     // decoded, cut to 200 octets: for people
  std::int64_t size = 0;   // octets of the rendering
  std::string client;      // "name [192.0.2.1]"
  std::string account;     // who submitted it with a login; "" for others
  WallTime accepted{};
  WallTime expires{};  // after this, what is not delivered has failed
  int priority = 1;    // 0 first: few recipients, notices; 1 normal; 2 big posts
  // Of a post to a list: whose it is. kNone: of all members who have mail, as the list has no digests; kEach: of those who have each;
  // of both, those with kNotOwn but its author. What we write to all members is everybody's, whatever stands here.
  Reception readers = Reception::kNone;
  CopyMode mode = CopyMode::kCommon;
  // Envelope sender of the copies, with slots {verp} (see delivery/personal.h). "" is the null reverse-path.
  std::string envelope_sender;
  // Header block in front of the rendering, with slots {verp}, {leave}, {address}; "" if none. CRLF lines.
  std::string private_header;
  bool eight_bit = false;  // the rendering has octets above 127 (RFC 6152)
  bool smtputf8 = false;   // came with SMTPUTF8 for its header: only for hosts that offer it (RFC 6531)
  std::string target;      // the address that it was sent to, for reports about it; "" if we wrote it
  DsnRequest dsn;          // of its sender; ends at a list (RFC 3461 §5.2.7.3)
  TlsRequest tls = TlsRequest::kNone;
  std::string
      explanation;  // what was found and decided about its author, lines for people; "" if nothing was
  int reports = 0;  // which were made about it already: sum of Report
  // It fails the policy of its From and is sent with that: what signs it must not be aligned with From.
  bool author_unknown = false;
  // Expansion: `expanded` when all batches exist; until then the cursor is the last member taken, in index order.
  bool expanded = false;
  std::string cursor_domain;
  std::string cursor_local;
  int batches = 0;              // made so far
  std::int64_t recipients = 0;  // in the batches made so far
  std::string seen_key;         // when it is added: see PostStore::remember_with_post()
  bool staged = false;          // when it is added: its forms may be there already (PostStore::stage())
  bool held = false;            // by an operator
  std::string held_reason;
};

// One recipient in a batch, in the order of the batch.
struct BatchRecipient {
  Id member_id = 0;  // 0: not a member (forward, notice)
  std::string local;
  std::string domain;
};

enum class RecipientState : std::uint8_t {
  kPending = 0,
  kDelivered = 1,
  kDeferred = 2,
  kFailed = 3,
  kSuppressed = 4
};

// What became of one recipient so far. kDeferred counts as pending in the sums: it will be tried again.
struct RecipientStatus {
  RecipientState state = RecipientState::kPending;
  std::uint16_t attempts = 0;
  std::uint32_t time = 0;   // seconds since the post was accepted
  std::uint32_t reply = 0;  // index into BatchProgress::replies; 0 is always ""
  std::uint32_t host = 0;   // index into BatchProgress::hosts; 0 is always ""
};
// RecipientStatus::time, whatever the clocks say: from 0 to its largest.
inline std::uint32_t seconds_since(WallTime accepted, WallTime now) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>((to_millis(now) - to_millis(accepted)) / 1000, 0, UINT32_MAX));
}

// What stands behind the host in BatchProgress::hosts and JournalRecord::host where the outcome says more than the
// reply does. At most one of the first two.
//   kDsnPassedOn   the message was taken by a host that was given its DSN parameters: reports are that host's duty
//                  now (RFC 3461 §5.2.1). Delivered without it and with NOTIFY=SUCCESS in PostRecord::dsn: a "relayed"
//                  report is ours to make (§5.2.2). Only for posts with a DsnRequest that goes on: not to members.
//   kAboutMessage  the failure is the message's own (too big, its content, no SMTPUTF8 there, not from us; kept back by an
//                  operator until it expired): the same recipient takes other mail, so it counts against nobody. Of one who
//                  is deferred: nobody has ever spoken about that recipient, only about us, the message or the host itself.
//   kWithItsBatch  behind the others, of one who is deferred after an attempt: there is no pause before the next one. The
//                  recipient waits for what the batch waits for (the end of a suspension), or goes at once (an operator's retry).
inline constexpr std::string_view kDsnPassedOn = " (DSN passed on)";
inline constexpr std::string_view kAboutMessage = " (about the message)";
inline constexpr std::string_view kWithItsBatch = " (with its batch)";

struct MarkedHost {
  std::string_view host;  // without the marks
  bool dsn_passed_on = false;
  bool about_message = false;
  bool with_its_batch = false;
};
inline MarkedHost split_host(std::string_view text) {
  MarkedHost out;
  out.with_its_batch = text.ends_with(kWithItsBatch);
  if (out.with_its_batch) text.remove_suffix(kWithItsBatch.size());
  out.host = text;
  out.dsn_passed_on = text.ends_with(kDsnPassedOn);
  out.about_message = text.ends_with(kAboutMessage);
  if (out.dsn_passed_on) out.host.remove_suffix(kDsnPassedOn.size());
  if (out.about_message) out.host.remove_suffix(kAboutMessage.size());
  return out;
}

struct BatchProgress {
  std::vector<RecipientStatus> recipients;
  std::vector<std::string> replies{""};
  std::vector<std::string> hosts{
      ""};  // "mx.example.org[192.0.2.1]:25 TLSv1.3", perhaps with a mark (split_host())
};

enum class BatchQueue : int {
  kFinished = 0,
  kReady = 1,    // due; nobody owns it
  kWaiting = 2,  // nobody owns it; due later
  kOwned = 3,
  kHeld = 4,
};
inline const char* to_string(BatchQueue queue) {
  switch (queue) {
    case BatchQueue::kFinished:
      return "finished";
    case BatchQueue::kReady:
      return "ready";
    case BatchQueue::kWaiting:
      return "waiting";
    case BatchQueue::kOwned:
      return "active";
    case BatchQueue::kHeld:
      return "held";
  }
  return "?";
}

inline constexpr std::size_t kBatchSize = 1000;  // recipients at most
inline constexpr int kLastPriority = 1'000'000;  // of a batch; no claim looks behind it

struct BatchRecord {
  Id post_id = 0;
  int number = 0;  // from 0 within the post
  int priority = 1;
  std::int64_t rank =
      0;  // order among ready batches of a priority: start tag of fair queueing (see BatchStore)
  std::string destination;  // domain, if what is left goes to a single one; else ""
  BatchQueue queue = BatchQueue::kReady;
  WallTime due{};
  int owner = 0;           // node; 0: none (nodes count from 1)
  std::int64_t epoch = 0;  // of the owner when it claimed
  int attempts = 0;        // rounds made, in which somebody was tried and put off
  int count = 0;           // = delivered + failed + suppressed + pending, always
  int delivered = 0;
  int failed = 0;
  int suppressed = 0;
  int pending = 0;                         // deferred ones included
  std::string why;                         // why it waits: reply or reason, for `queue list`
  std::vector<BatchRecipient> recipients;  // loaded on demand
  BatchProgress progress;                  // loaded on demand
  // Its row is on a damaged page: but for `why`, only the post, the number (0/0: lost as well) and the queue are known.
  bool unread = false;
};

struct LedgerCounts {
  std::int64_t accepted = 0, delivered = 0, failed = 0, suppressed = 0, pending = 0;
  // Of the delivered, those to whom two nodes delivered; known when both have told.
  std::int64_t duplicates = 0;
};

}  // namespace essaim::storage
