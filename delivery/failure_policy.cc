#include "delivery/failure_policy.h"

#include <iterator>
#include <string>

#include "core/base/check.h"
#include "core/base/text.h"

namespace essaim::delivery {
namespace {

// The host cannot take mail now (a full disk, a service that is down), or falls silent; no word on us (X.7.x), on the sender, the
// message or a recipient, who would hear the same from the others. Behind the final dot only what it says itself counts.
bool says_host_trouble(const Trouble& trouble) {
  const smtp::Reply& reply = *trouble.reply;
  if (!reply.temporary()) return false;
  const int subject = reply.enhanced.klass == 0 ? 0 : reply.enhanced.subject;
  if (!trouble.from_peer) return subject == 4 && trouble.stage != Stage::kFinalDot;
  // X.0.x: undefined, X.3.x: the mail system, X.4.x: network and routing (RFC 3463 §3).
  if (subject != 0 && subject != 3 && subject != 4) return false;
  return trouble.stage != Stage::kRcpt || reply.code == 421;
}

// The first row that matches decides. The columns that do not matter say kAny.
enum class Is { kAny, kYes, kNo };
enum class Says { kAny, k421, k552, kTooMany, kUnknownBdat, kNoRequireTls, kHostTrouble, kPermanent };

constexpr unsigned bit(Stage stage) {
  return 1U << static_cast<unsigned>(stage);
}
constexpr unsigned kHost = bit(Stage::kConnect) | bit(Stage::kTls) | bit(Stage::kBanner) | bit(Stage::kEhlo);
constexpr unsigned kMessage =
    bit(Stage::kMail) | bit(Stage::kRcpt) | bit(Stage::kData) | bit(Stage::kFinalDot);
constexpr unsigned kEverywhere = ~0U;

struct Row {
  unsigned stages;
  Says says;
  Is from_peer;
  Is more_candidates;
  Is progress;
  Verdict verdict;
};

constexpr Row kRows[] = {
    // The domain: does not exist, null MX (RFC 7505) or the name servers do not answer. Made by us.
    {bit(Stage::kDns), Says::kPermanent, Is::kAny, Is::kAny, Is::kAny, Verdict::kFail},
    {bit(Stage::kDns), Says::kAny, Is::kAny, Is::kAny, Is::kAny, Verdict::kDefer},

    // The host: refuses, is silent or sends us away, also with 5xx. It speaks about us or itself, not about
    // the recipient (RFC 5321 §5.1: try the others); so the last host's word is no verdict on the recipients
    // either.
    {kHost, Says::kAny, Is::kAny, Is::kYes, Is::kAny, Verdict::kNextCandidate},
    // But the message may ask for what no host of the domain has (RFC 8689 §4.2.1).
    {kHost, Says::kNoRequireTls, Is::kNo, Is::kNo, Is::kAny, Verdict::kFail},
    {kHost, Says::kAny, Is::kAny, Is::kNo, Is::kAny, Verdict::kDefer},

    // "Enough for this connection" (RFC 5321 §3.8): another connection may do.
    {bit(Stage::kMail), Says::k421, Is::kYes, Is::kAny, Is::kYes, Verdict::kReturn},

    // RFC 5321 §4.5.3.1.10: 552 in answer to RCPT is an old way to say 452.
    {bit(Stage::kRcpt), Says::kTooMany, Is::kYes, Is::kAny, Is::kYes, Verdict::kReturn},
    {bit(Stage::kRcpt), Says::kTooMany, Is::kYes, Is::kAny, Is::kNo, Verdict::kDefer},
    {bit(Stage::kRcpt), Says::k552, Is::kYes, Is::kAny, Is::kAny, Verdict::kDefer},

    // The host does not know BDAT and is not given it again, so the work does not go round.
    {bit(Stage::kData), Says::kUnknownBdat, Is::kYes, Is::kAny, Is::kAny, Verdict::kReturn},

    // The connection went before the final dot was sent.
    {bit(Stage::kLost), Says::kAny, Is::kAny, Is::kAny, Is::kYes, Verdict::kReturn},

    // A host that lets us in and has trouble of its own (RFC 5321 §5.1: the others, until an attempt succeeds).
    {kMessage | bit(Stage::kLost), Says::kHostTrouble, Is::kAny, Is::kYes, Is::kAny, Verdict::kNextCandidate},

    // The message or the recipient, as the peer says, or as we found before asking (too big, no such address
    // form).
    {kMessage, Says::kPermanent, Is::kAny, Is::kAny, Is::kAny, Verdict::kFail},
    {kMessage, Says::kAny, Is::kAny, Is::kAny, Is::kAny, Verdict::kDefer},
    {kEverywhere, Says::kAny, Is::kAny, Is::kAny, Is::kAny, Verdict::kDefer},
};

bool matches(Is is, bool fact) {
  return is == Is::kAny || (is == Is::kYes) == fact;
}

bool matches(Says says, const Trouble& trouble) {
  const smtp::Reply& reply = *trouble.reply;
  switch (says) {
    case Says::kAny:
      return true;
    case Says::k421:
      return reply.code == 421;
    case Says::k552:
      return reply.code == 552;
    case Says::kTooMany:
      return says_too_many_recipients(reply);
    case Says::kUnknownBdat:
      return trouble.bdat && says_unknown_command(reply);
    case Says::kNoRequireTls:
      return says_no_require_tls(reply);
    case Says::kHostTrouble:
      return says_host_trouble(trouble);
    case Says::kPermanent:
      return reply.permanent();
  }
  return false;
}

// Behind the recipients, without an enhanced code: most hosts that give none mean the message by it. Some find out only then that
// there is no such mailbox, or that it is full, and say so in words.
bool names_a_mailbox(const smtp::Reply& reply) {
  if (reply.code < 550 || reply.code > 553) return false;
  const std::string text = ascii_lowered(reply.text);
  for (const char* word : {"unknown", "no such", "user", "mailbox", "recipient", "quota"})
    if (text.find(word) != std::string::npos) return true;
  return false;
}

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNextCandidate:
      return "next-candidate";
    case Verdict::kDefer:
      return "defer";
    case Verdict::kFail:
      return "fail";
    case Verdict::kReturn:
      return "return";
  }
  return "?";
}

bool says_too_many_recipients(const smtp::Reply& reply) {
  if (!reply.temporary() && reply.code != 552) return false;
  const int subject = reply.enhanced.klass == 0 ? 0 : reply.enhanced.subject;
  if (subject == 5 && reply.enhanced.detail == 3) return true;
  if (subject != 0 && subject != 5) return false;
  return ascii_lowered(reply.text).find("too many recipients") != std::string::npos;
}

bool says_no_require_tls(const smtp::Reply& reply) {
  const auto& code = reply.enhanced;
  return reply.permanent() && code.klass == 5 && code.subject == 7 &&
         (code.detail == 30 || code.detail == 10);
}

bool says_message(Stage stage, const smtp::Reply& reply, std::size_t recipients) {
  if (!reply.permanent()) return false;
  if (stage == Stage::kMail || says_no_require_tls(reply)) return true;
  const bool behind = stage == Stage::kData || stage == Stage::kFinalDot;
  if (reply.enhanced.klass == 0) return behind && !(recipients == 1 && names_a_mailbox(reply));
  if (reply.enhanced.klass != 5) return false;
  switch (reply.enhanced.subject) {
    case 3:
      return reply.enhanced.detail == 4;
    case 6:
      return true;
    case 7:
      return behind;
    default:
      return false;
  }
}

bool refuses_us(Stage stage, const smtp::Reply& reply) {
  if (!reply.permanent() || says_no_require_tls(reply)) return false;
  const auto& code = reply.enhanced;
  const bool told = code.klass == 5 && code.subject != 0;
  if (told && (code.subject == 6 || (code.subject == 3 && code.detail == 4))) return false;
  if (stage == Stage::kMail) return true;
  const bool behind = stage == Stage::kData || stage == Stage::kFinalDot;
  if (!behind && stage != Stage::kRcpt) return false;
  return told ? code.subject == 7 : behind || reply.code == 554;
}

bool speaks_of_recipient(Stage stage, const smtp::Reply& reply) {
  if (reply.code == 421) return false;
  if (stage == Stage::kRcpt) return true;
  if (stage != Stage::kData && stage != Stage::kFinalDot) return false;
  return reply.enhanced.subject != 6 && reply.enhanced.subject != 7;
}

bool says_nobody_is_there(Stage stage, const smtp::Reply& reply, bool our_way) {
  return !our_way && reply.enhanced.subject == 4 && (stage == Stage::kDns || stage == Stage::kConnect);
}

bool expired_untried(const storage::PostRecord& post, int attempts) {
  return post.kind == storage::PostKind::kList && attempts == 0;
}

smtp::Reply expired_reply(bool untried, std::string_view last) {
  std::string text = "delivery time expired";
  if (untried) text += " before any attempt";
  if (!last.empty()) text.append("; last: ").append(last);
  return smtp::reply(554, "4.4.7", text);
}

bool says_unknown_command(const smtp::Reply& reply) {
  const bool code = reply.code == 500 || reply.code == 501 || reply.code == 502 || reply.code == 504;
  return code && (reply.enhanced.klass == 0 || reply.enhanced.subject == 5);
}

std::size_t policy_rows() {
  return std::size(kRows);
}

std::size_t matching_row(const Trouble& trouble) {
  ESSAIM_CHECK(trouble.reply != nullptr);
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    const Row& row = kRows[i];
    if ((row.stages & bit(trouble.stage)) != 0 && matches(row.says, trouble) &&
        matches(row.from_peer, trouble.from_peer) && matches(row.more_candidates, trouble.more_candidates) &&
        matches(row.progress, trouble.progress))
      return i;
  }
  ESSAIM_CHECK(false);
  return 0;
}

Verdict decide(const Trouble& trouble) {
  return kRows[matching_row(trouble)].verdict;
}

Outcome::Kind outcome_kind(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDefer:
      return Outcome::Kind::kDeferred;
    case Verdict::kFail:
      return Outcome::Kind::kFailed;
    case Verdict::kReturn:
    case Verdict::kNextCandidate:
      return Outcome::Kind::kReturned;
  }
  ESSAIM_CHECK(false);
  return Outcome::Kind::kDeferred;
}

}  // namespace essaim::delivery
