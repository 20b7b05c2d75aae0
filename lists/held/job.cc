#include "lists/held/job.h"

#include "core/base/log.h"
#include "lists/held/answer.h"
#include "lists/list_end.h"
#include "lists/reminders.h"
#include "storage/held_store.h"
#include "storage/list_rest.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kAtATime = 100;
// Late answers are told what was decided so long.
constexpr std::chrono::hours kKeepDecided{24 * 30};
constexpr std::int64_t kAnswersAtATime = 1000;
// What was staged longer ago was for a post that never came to wait. An id is as old as its session's transaction.
constexpr std::chrono::hours kCommittedWithin{24};

Result<void> forget_answers(const Services& services, WallTime now) {
  for (std::int64_t some = kAnswersAtATime; some == kAnswersAtATime;) {
    auto gone = services.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
      return storage::AnswerStore(c).forget(now - std::chrono::hours(2), kAnswersAtATime);
    });
    if (!gone.ok()) return gone.error();
    some = *gone;
  }
  return {};
}

// Messages that are here still because their list went, or they are large; and what was staged in vain. Until a round finds
// nothing, or what it finds is gone already: a server that is read may be behind the one that is written.
Result<void> purge_messages(storage::Database& database, WallTime now) {
  for (bool gone = true; gone;) {
    auto found = database.read_now([now](storage::Connection& c) -> Result<std::vector<Id>> {
      storage::HeldStore store(c);
      auto decided = store.decided_with_message(kAtATime);
      if (!decided.ok() || !decided->empty()) return decided;
      return store.staged_in_vain(now - kCommittedWithin, kAtATime);
    });
    if (!found.ok()) return found.error();
    gone = false;
    for (std::int64_t pieces = 1; pieces > 0; gone = gone || pieces > 0) {
      auto some = database.write_now(storage::Durability::kProgress, [&found](storage::Connection& c) {
        return storage::HeldStore(c).purge_messages(*found);
      });
      if (!some.ok()) return some.error();
      pieces = *some;
    }
  }
  return {};
}

// How many; *posted: there is a new post, also when it ends with an error.
Result<std::size_t> expire_and_remind(const Services& services, WallTime now, bool* posted) {
  std::size_t done = 0;
  storage::HeldPlace after;
  std::vector<storage::HeldRecord> due;
  do {
    auto found = services.database->read_now(
        [&](storage::Connection& c) { return storage::HeldStore(c).due(now, kAtATime, after); });
    if (!found.ok()) return found.error();
    due = std::move(*found);
    for (const storage::HeldRecord& held : due) {
      after = {held.expires, held.id};
      bool rings = false;
      WallTime beside{};
      auto result = services.database->write_now(storage::Durability::kAccept,
                                                 [&](storage::Connection& c) -> Result<void> {
                                                   WriteContext context{services, c, now, services.rank()};
                                                   ESSAIM_TRY(expire_or_remind(context, held, &beside));
                                                   rings = context.posted;
                                                   return {};
                                                 });
      if (!result.ok() && storage::ends_the_run(result.error())) return result.error();
      if (!result.ok()) {
        // Others may well be looked after; this one is looked at again with the next run.
        log::warning("held-not-looked-after",
                     {{"id", format_id(held.id)}, {"error", result.error().message}});
        continue;
      }
      ++done;
      *posted = *posted || rings;
      // Before the next of them, whose time may have come, too: each would be another mail.
      if (to_millis(beside) > 0) ESSAIM_TRY(storage::finish_reminding(*services.database, held, beside));
    }
  } while (due.size() == kAtATime);
  return done;
}

}  // namespace

Result<std::string> look_after_held(const Services& services) {
  const WallTime now = services.clock->wall_now();
  bool posted = false;
  // What fails there keeps nothing else waiting.
  const auto finish = [&](const storage::EndedList& ended) { return finish_end(services, ended, &posted); };
  const auto finished = storage::finish_lists(*services.database, finish);
  if (posted && services.bell) services.bell();
  if (!finished.ok() && storage::ends_the_run(finished.error())) return finished.error();
  posted = false;
  const auto reminded = finish_reminders(services, now, &posted);
  if (posted && services.bell) services.bell();
  if (!reminded.ok() && storage::ends_the_run(reminded.error())) return reminded.error();
  posted = false;
  const auto done = expire_and_remind(services, now, &posted);
  if (posted && services.bell) services.bell();
  if (!done.ok()) return done.error();
  ESSAIM_TRY(purge_messages(*services.database, now));
  std::int64_t forgotten = 0;
  constexpr auto kMost = static_cast<std::int64_t>(kAtATime);
  for (std::int64_t some = kMost; some == kMost; forgotten += some) {
    auto gone = services.database->write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
      return storage::HeldStore(c).forget_decided(now - kKeepDecided, kAtATime);
    });
    if (!gone.ok()) return gone.error();
    some = *gone;
  }
  ESSAIM_TRY(forget_answers(services, now));
  if (!finished.ok()) return finished.error();
  if (!reminded.ok()) return reminded.error();
  return "expired or reminded: " + std::to_string(*done) + ", forgotten: " + std::to_string(forgotten);
}

storage::Job make_held_job(const Services* services) {
  storage::Job job;
  job.name = "held";
  job.interval = std::chrono::minutes(5);
  job.run = [services](storage::Database& fenced) -> Result<std::string> {
    ESSAIM_CHECK(services != nullptr);
    Services of_this_run = *services;
    of_this_run.database = &fenced;
    return look_after_held(of_this_run);
  };
  return job;
}

}  // namespace essaim::lists
