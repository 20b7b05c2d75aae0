// What has happened since the start, counted where it happens. Each thread counts in a block of its own, so the
// hot path has no lock and no shared cache line; whoever wants the sums reads all blocks. The one place for such
// numbers: `essaim top` and /metrics read them.
//
// Thread-safe. Sums are exact for what has happened before the call on the calling thread, and nearly so for others.
// Amounts that go up and down are in gauges.h, durations in timings.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace essaim {

enum class Counter : std::size_t {
  kConnectionsIn,     // sessions that were greeted
  kRejections,        // replies that refuse something in the dialogue, connections too
  kMessagesIn,        // answered 250 at the end of data
  kMessagesDeferred,  // answered 4xx there
  kMessagesRefused,   // answered 5xx there
  kOctetsIn,          // of those that were taken
  kRecipientsIn,      // of those, in the envelope
  kDuplicates,        // messages that had come before, answered 250 and not sent again
  kShedConnections,   // refused because of the client's limits or our shortage
  kShedMessages,
  kShedRecipients,
  kTlsIn,  // handshakes with clients
  kTlsInFailed,
  kDelivered,  // recipients, out
  kDeferred,   // attempts that will be repeated
  kFailed,
  kSuppressed,  // left the list before it was their turn
  kSentTwice,   // recipients to whom two nodes delivered, as far as both have told
  kTlsOutDane,  // sessions with hosts, by the policy that held, and those that broke it
  kTlsOutDaneFailed,
  kTlsOutSts,
  kTlsOutStsFailed,
  kTlsOutNoPolicy,
  kTlsOutNoPolicyFailed,
  kSignaturesRsa,
  kSignaturesEd25519,
  kDnsFound,  // questions, by what came back; from the cache, too
  kDnsNoData,
  kDnsNoName,
  kDnsFailed,       // no answer, or one that is good for nothing
  kTakeovers,       // dead nodes whose work this one released
  kDamagedRows,     // of batches and posts, each time they were set aside or passed over
  kLeftByOneClick,  // members, by their token
  kLeftByPage,
  kLeftByMail,
  kHttpGood,    // responses of all listeners, by their class: 1xx to 3xx
  kHttpClient,  // 4xx
  kHttpServer,  // 5xx
  kSpfPass,     // messages that were verified, by what came out; error is no answer of DNS
  kSpfFail,
  kSpfError,
  kSpfOther,
  kDkimPass,
  kDkimFail,
  kDkimError,
  kDkimOther,
  kDmarcPass,
  kDmarcFail,
  kDmarcError,
  kDmarcOther,
  kArcPass,
  kArcFail,
  kArcError,
  kArcOther,
  // What was not done for strangers, or put off, because of a bound on what they may have us do:
  kLimitedQuestions,   // questions and invitations that were not sent
  kLimitedNotices,     // answers and notices that a post waits, likewise
  kLimitedCommands,    // mail with commands, refused or put off
  kLimitedPosts,       // posts that their author would have to confirm, put off
  kLimitedSizes,       // messages too large for so many addresses, refused
  kLimitedRecipients,  // for the same reason told to come in another transaction
  kReportsUnproven,    // bounces counted by reports that others could have written
  kFilterPassed,       // messages that a mail filter looked at, once for each filter
  kFilterRefused,
  kFilterDeferred,
  kFilterHeld,
  kFilterTrouble,  // that could not be asked
  kGivenUp,        // connections to hosts that kept us waiting while others waited for their place
  kCount,
};
inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::kCount);

// "connections_in", as in JSON.
const char* to_string(Counter counter);

void count(Counter counter, std::uint64_t n = 1);

using CounterSums = std::array<std::uint64_t, kCounters>;
CounterSums counter_sums();

}  // namespace essaim
