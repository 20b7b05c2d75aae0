#include "storage/retention.h"

#include "storage/account_store.h"
#include "storage/departure_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::storage {

namespace {

// A finished big post has hundreds of batches to delete; few posts make a transaction of some milliseconds.
constexpr std::size_t kPostsAtATime = 20;
constexpr std::size_t kKeysAtATime = 1000;
constexpr Duration kPublishedWithin =
    std::chrono::hours(1);  // what is staged; else it was for a post that never came

// Repeats a step that gives how many rows it changed, until it changes none.
Result<std::int64_t> repeat(Database& database,
                            const std::function<Result<std::int64_t>(Connection&)>& step) {
  std::int64_t total = 0;
  for (std::int64_t changed = 1; changed > 0; total += changed) {
    ESSAIM_TRY(database.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
      auto result = step(connection);
      if (!result.ok()) return result.error();
      changed = *result;
      return {};
    }));
  }
  return total;
}

WallTime before(const Clock& clock, Duration keep) {
  return clock.wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(keep);
}

}  // namespace

Job make_retention_job(const Clock& clock, const RetentionOptions& options) {
  Job job;
  job.name = "retention";
  job.interval = options.interval;
  job.run = [&clock, options](Database& database) -> Result<std::string> {
    auto posts = repeat(database, [&](Connection& c) {
      return PostStore(c).drop_finished(before(clock, options.keep_posts), kPostsAtATime);
    });
    if (!posts.ok()) return posts.error();
    auto forms = repeat(database, [&](Connection& c) {
      return PostStore(c).drop_useless_forms(before(clock, kPublishedWithin));
    });
    if (!forms.ok()) return forms.error();
    auto seen = repeat(database, [&](Connection& c) {
      return PostStore(c).forget_seen(before(clock, options.keep_seen), kKeysAtATime);
    });
    if (!seen.ok()) return seen.error();
    auto departures = repeat(database, [&](Connection& c) {
      return DepartureStore(c).forget_before(before(clock, options.keep_departures), kKeysAtATime);
    });
    if (!departures.ok()) return departures.error();
    auto left = repeat(database, [](Connection& c) { return MemberStore(c).purge_left(); });
    if (!left.ok()) return left.error();
    std::vector<Id> deleted;
    ESSAIM_TRY(database.read_now([&deleted](Connection& c) -> Result<void> {
      auto lists = MemberStore(c).deleted_lists();
      if (!lists.ok()) return lists.error();
      deleted = std::move(*lists);
      return {};
    }));
    for (const Id list : deleted) {
      auto purged =
          repeat(database, [list](Connection& c) { return MemberStore(c).purge_deleted_list(list); });
      if (!purged.ok()) return purged.error();
      *left += *purged;
    }
    ESSAIM_TRY(database.write_now(Durability::kProgress, [&clock](Connection& c) -> Result<void> {
      auto failures = LoginFailureStore(c).drop_old(clock.wall_now());
      if (!failures.ok()) return failures.error();
      return {};
    }));
    return "posts settled or deleted: " + std::to_string(*posts) +
           ", keys forgotten: " + std::to_string(*seen) + ", members purged: " + std::to_string(*left);
  };
  return job;
}

}  // namespace essaim::storage
