#include "storage/retention.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "storage/account_store.h"
#include "storage/damage.h"
#include "storage/departure_store.h"
#include "storage/member_store.h"
#include "storage/misplaced.h"
#include "storage/post_store.h"
#include "storage/sts_store.h"
#include "storage/tls_result_store.h"

namespace essaim::storage {

namespace {

// Few posts make a transaction of some milliseconds; of a big one some rows go at a time.
constexpr std::size_t kPostsAtATime = 20;
constexpr std::size_t kDamagedPassedOver = 100;  // more of them are a database to restore
constexpr std::size_t kKeysAtATime = 1000;
constexpr std::size_t kLookedAtTogether = 1000;  // of what waits; some milliseconds of a reader
constexpr Duration kPublishedWithin =
    std::chrono::hours(1);  // what is staged; else it was for a post that never came
constexpr std::int64_t kFailuresAtATime = 1000;
constexpr std::int64_t kTlsResultsAtATime = 500;  // a policy of some kilobytes in each
constexpr std::size_t kPoliciesAtATime = 500;
constexpr std::int64_t kDaysOfTlsResults = 30;
constexpr auto kDay = std::chrono::hours(24);

// Repeats a step that gives how many rows it changed, until it changes none.
Result<std::int64_t> repeat(Database& database,
                            const std::function<Result<std::int64_t>(Connection&)>& step) {
  std::int64_t total = 0;
  for (std::int64_t changed = 1; changed > 0; total += changed) {
    const auto result = database.write_now(Durability::kProgress, step);
    if (!result.ok()) return result.error();
    changed = *result;
  }
  return total;
}

WallTime before(const Clock& clock, Duration keep) {
  return clock.wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(keep);
}

// A post of which a row can be neither read nor changed stays as it is; the others do not wait for it.
void tell_damaged(Id post, const std::string& error) {
  count(Counter::kDamagedRows);
  log::error(
      "post.damaged",
      {{"id", format_id(post)}, {"error", error}, {"do", "essaim storage check; then restore a backup"}});
}

Result<std::int64_t> settle_posts(Database& database, WallTime failed_before) {
  std::int64_t total = 0;
  PostsFound found;
  do {
    auto some = database.read_now([&, after = found.last](Connection& c) {
      return PostStore(c).settled(after, kLookedAtTogether, failed_before);
    });
    if (!some.ok()) return some.error();
    found = std::move(*some);
    for (const auto& [id, error] : found.damaged) tell_damaged(id, error);
    std::size_t alone = 0;  // of the next ones, because some of them failed together
    for (std::span<const Id> rest = found.ids; !rest.empty();) {
      const auto together = rest.first(std::min(rest.size(), alone > 0 ? 1 : kPostsAtATime));
      PostsSettled settled;
      const auto committed = database.write_now(Durability::kProgress, [&](Connection& c) -> Result<void> {
        auto done = PostStore(c).settle(together, failed_before);
        if (!done.ok()) return done.error();
        settled = std::move(*done);
        return {};
      });
      if (!committed.ok() && !is_about_a_row(committed.error())) return committed.error();
      if (!committed.ok() && together.size() > 1) {
        alone = together.size();
        continue;
      }
      if (!committed.ok()) {
        tell_damaged(together.front(), committed.error().message);
        settled = PostsSettled();
        settled.looked_at = 1;
      }
      if (alone > 0) --alone;
      rest = rest.subspan(settled.looked_at);
      total += settled.posts;
      for (const Id id : settled.with_forms) {
        ESSAIM_TRY(repeat(database, [id](Connection& c) { return PostStore(c).drop_forms(id); }));
      }
    }
  } while (found.more);
  return total;
}

Result<std::int64_t> drop_posts(Database& database, WallTime before) {
  std::int64_t total = 0;
  std::set<Id> damaged;
  for (;;) {
    Id at = 0;
    const auto dropped = repeat(database, [&](Connection& c) {
      at = 0;
      auto some = PostStore(c).drop_finished(before, kPostsAtATime, damaged, &at);
      if (some.ok()) total += *some;
      return some;
    });
    if (dropped.ok()) return total;
    if (!is_about_a_row(dropped.error()) || at == 0 || damaged.size() >= kDamagedPassedOver)
      return dropped.error();
    tell_damaged(at, dropped.error().message);
    damaged.insert(at);
  }
}

// What was staged for no post. `*looked_at`: how far it was looked for, also by the runs before: a form becomes one of these
// when its time is over, or never. What else is of no use, because a run stopped behind a post that it settled, goes with the
// post.
Result<std::int64_t> drop_staged(Database& database, WallTime before, Id* looked_at) {
  std::int64_t total = 0;
  PostsFound found;
  do {
    auto some = database.read_now([&, after = *looked_at](Connection& c) {
      return PostStore(c).useless_forms(after, before, kLookedAtTogether);
    });
    if (!some.ok()) return some.error();
    found = std::move(*some);
    for (const Id id : found.ids) {
      auto gone = repeat(database, [id](Connection& c) { return PostStore(c).drop_forms(id); });
      if (!gone.ok()) return gone.error();
      total += *gone;
    }
    *looked_at = std::max(*looked_at, found.last);
  } while (found.more);
  return total;
}

// The oldest revision of each list at which a post was accepted that waits.
Result<ListRevisions> oldest_that_wait(Database& database) {
  ListRevisions oldest;
  PlaceInPosts place;
  for (bool more = true; more;) {
    ESSAIM_TRY(database.read_now([&, from = place](Connection& c) -> Result<void> {
      place = from;
      auto behind = MemberStore(c).read_waiting(&place, kLookedAtTogether, &oldest);
      if (!behind.ok()) return behind.error();
      more = *behind;
      return {};
    }));
  }
  return oldest;
}

Result<std::int64_t> purge_members(Database& database) {
  std::vector<ListLeft> left;
  std::vector<Id> deleted;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    auto lists = MemberStore(c).lists_that_were_left();
    if (!lists.ok()) return lists.error();
    auto gone = MemberStore(c).deleted_lists();
    if (!gone.ok()) return gone.error();
    left = std::move(*lists);
    deleted = std::move(*gone);
    return {};
  }));
  if (left.empty() && deleted.empty()) return std::int64_t{0};
  auto oldest = oldest_that_wait(database);
  if (!oldest.ok()) return oldest.error();
  std::int64_t total = 0;
  for (const ListLeft& list : left) {
    const auto waits = oldest->find(list.id);
    const auto up_to = waits == oldest->end() ? list.revision : std::min(list.revision, waits->second);
    if (list.first > up_to) continue;
    auto purged = repeat(database, [&](Connection& c) { return MemberStore(c).purge_left(list.id, up_to); });
    if (!purged.ok()) return purged.error();
    total += *purged;
  }
  for (const Id list : deleted) {
    if (oldest->contains(list)) continue;
    auto purged = repeat(database, [list](Connection& c) { return MemberStore(c).purge_deleted_list(list); });
    if (!purged.ok()) return purged.error();
    total += *purged;
  }
  return total;
}

Result<std::int64_t> forget_tls_results(Database& database, WallTime now) {
  const std::int64_t first_kept =
      to_millis(now) / std::chrono::milliseconds(kDay).count() - kDaysOfTlsResults;
  return repeat(database, [first_kept](Connection& c) {
    return TlsResultStore(c).remove_before(first_kept, kTlsResultsAtATime);
  });
}

// A day late: this node's clock may be ahead of that of one which still goes by the policy.
Result<std::int64_t> forget_expired_policies(Database& database, WallTime now) {
  std::int64_t total = 0;
  for (std::int64_t removed = 1; removed > 0; total += removed) {
    auto domains =
        database.read_now([now](Connection& c) { return StsStore(c).expired(now - kDay, kPoliciesAtATime); });
    if (!domains.ok()) return domains.error();
    if (domains->empty()) break;
    auto some = database.write_now(Durability::kProgress, [&domains, now](Connection& c) {
      return StsStore(c).remove_expired(*domains, now - kDay);
    });
    if (!some.ok()) return some.error();
    removed = *some;
  }
  return total;
}

struct Step {
  std::string what;  // is counted, for the result
  std::function<Result<std::int64_t>()> run;
};

// A step that fails does not keep those behind it from their work, or one that the database cannot do, for its size maybe,
// would let all the others grow.
Result<std::string> run_all(const std::vector<Step>& steps) {
  std::string result;
  std::optional<Error> failed;
  for (const Step& step : steps) {
    const auto number = step.run();
    if (number.ok()) {
      result += (result.empty() ? "" : ", ") + step.what + ": " + std::to_string(*number);
      continue;
    }
    Error error{number.error().code, step.what + ": " + number.error().message};
    if (ends_the_run(error)) return error;
    if (!failed) failed = std::move(error);
  }
  if (failed) return *failed;
  return result;
}

}  // namespace

Job make_retention_job(const Clock& clock, const RetentionOptions& options) {
  Job job;
  job.name = "retention";
  job.interval = options.interval;
  // How far the staged forms were looked at since the program began.
  const auto staged = std::make_shared<Id>(0);
  const auto looked = std::make_shared<std::optional<MonoTime>>();
  job.run = [&clock, options, staged, looked](Database& database) -> Result<std::string> {
    const auto again = [&database](const std::function<Result<std::int64_t>(Connection&)>& step) {
      return [&database, step] { return repeat(database, step); };
    };
    return run_all({
        {"batches out of place", [&] { return settle_misplaced(database, clock.mono_now(), looked.get()); }},
        {"posts settled",
         [&] {
           const bool keeps = options.keep_failed > Duration::zero();
           return settle_posts(database, keeps ? before(clock, options.keep_failed) : WallTime::max());
         }},
        {"posts deleted", [&] { return drop_posts(database, before(clock, options.keep_posts)); }},
        {"staged pieces deleted",
         [&] { return drop_staged(database, before(clock, kPublishedWithin), staged.get()); }},
        {"keys forgotten", again([&](Connection& c) {
           return PostStore(c).forget_seen(before(clock, options.keep_seen), kKeysAtATime);
         })},
        {"departures forgotten", again([&](Connection& c) {
           return DepartureStore(c).forget_before(before(clock, options.keep_departures), kKeysAtATime);
         })},
        {"members purged", [&] { return purge_members(database); }},
        {"login failures forgotten", again([&](Connection& c) {
           return LoginFailureStore(c).drop_old(clock.wall_now(), kFailuresAtATime);
         })},
        {"counts of TLS forgotten", [&] { return forget_tls_results(database, clock.wall_now()); }},
        {"MTA-STS policies forgotten", [&] { return forget_expired_policies(database, clock.wall_now()); }},
    });
  };
  return job;
}

}  // namespace essaim::storage
