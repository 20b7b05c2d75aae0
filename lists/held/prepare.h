// Letting a large post go in small transactions, of which none holds up the others: it is read, rendered and staged (staging.h) before the transaction that decides,
// which only publishes what is there. Under an id of its own: two moderators, on two nodes, may be at it at once, and what was
// staged under the old id of one that waits would be taken for what nobody needs. The one who decides publishes theirs; what the
// other has staged, or a crash leaves, goes with the jobs retention and held.
//
// Where it does not fit any more, as the list has other settings by now, it is let go as a small one is, in that transaction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lists/acceptance.h"
#include "lists/held/answer.h"
#include "lists/held/hold.h"
#include "lists/incoming.h"
#include "lists/plan.h"

namespace essaim::lists {

// Views point into it: it stays where it is made. Immutable then.
struct PreparedAnswer {
  Id held = 0;               // what is answered
  std::string by;            // who answers (Requester::name()), which stands in the header
  storage::ListRecord list;  // as it was
  Submission submission;
  Incoming incoming;
  Id id = 0;                           // of what it becomes:
  std::unique_ptr<Plan> release{};     // a post,
  std::optional<ReadyToWait> waits{};  // or what waits for the moderators, as its author has confirmed it
  std::vector<Body> bodies() const;
};

// Of those that one transaction answers.
struct PreparedAnswers {
  std::vector<std::shared_ptr<const PreparedAnswer>> all{};
  bool staged = false;  // their bodies may be there
  // Null: it was not prepared.
  const PreparedAnswer* find(Id held, const std::string& by) const;
  std::vector<Body> bodies() const;
  std::uint64_t octets() const;  // of what waits
};

// Octets of what waits, of several that one transaction answers: they are in memory, and so are their renderings. One is
// prepared whatever its size.
inline constexpr std::uint64_t kMostPrepared = 32U << 20;
// A smaller post is let go in one transaction. Where the database is a file only the time counts that rendering takes its one writer.
inline constexpr std::int64_t kLargeAnswer = 128 << 10;
inline constexpr std::int64_t kLargeAnswerInFile = 1 << 20;

// By reading alone, in a read or before anything is written: one more for *out, if this approves a large post that waits.
Result<void> prepare_answer(WriteContext& reading, const storage::HeldRecord& held, const Answer& answer,
                            const Requester& who, PreparedAnswers* out);

// For those who answer otherwise than by mail: `make` runs in a read, and what it has made is staged. `done` comes once, on a
// database thread or at once. What fails is logged; then nothing is prepared.
using Prepare = std::function<Result<void>(WriteContext& reading, PreparedAnswers* out)>;
void prepare_and_stage(const Services& services, Prepare make, std::function<void(PreparedAnswers)> done);

// Blocks; not on a thread of the database.
PreparedAnswers prepared_now(const Services& services, Prepare make);

// What follows when its author has confirmed it: what the rule said then, or the rules once more. Internal to lists/held.
Result<Authorised> what_follows(WriteContext& context, const storage::HeldRecord& held,
                                const storage::ListRecord& list, const Submission& confirmed,
                                const Incoming& incoming);

}  // namespace essaim::lists
