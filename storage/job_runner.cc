#include "storage/job_runner.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "storage/cluster/job_fence.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// How often the database is asked at most and at least: another node may have run a job, the clock may have
// been set.
constexpr Duration kShortestWait = std::chrono::milliseconds(100);
constexpr Duration kLongestWait = std::chrono::minutes(1);
constexpr std::int64_t kClocksDiffer = 60'000;  // ms, of nodes

std::int64_t millis(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// How long it is until a job of this interval is due that was started last at `started`; nothing if it is.
std::optional<Duration> time_until_due(Duration interval, std::int64_t started, std::int64_t now) {
  const std::int64_t due = started + millis(interval);
  // A time far in the future was written by a wrong clock: it must not silence the job. The clocks of nodes differ a
  // little, and that is no reason to run it again.
  if (now >= due || started > now + std::min(millis(interval), kClocksDiffer)) return {};
  return std::chrono::milliseconds(due - now);
}

struct Failures {
  std::mutex mutex;
  std::map<std::string, std::uint64_t> by_job;

  void add(const std::string& job, std::uint64_t n) {
    const std::lock_guard lock(mutex);
    by_job[job] += n;
  }
};

// Of the process: a runner goes with each epoch of the node, and counters must not go back.
Failures& all_failures() {
  static auto* const all = new Failures;
  return *all;
}

}  // namespace

struct JobRunner::Impl {
  Impl(Database& d, const Clock& c, int n, const NodeLease* l) : database(d), clock(c), node(n), lease(l) {}

  Database& database;
  const Clock& clock;
  const int node;
  const NodeLease* const lease;
  std::vector<Job> jobs;
  std::mutex mutex;
  std::mutex running;  // one job at a time, also by run_now()
  std::condition_variable wake;
  std::atomic<bool> stopping = false;  // changed under the mutex
  std::set<std::string> soon;          // of `jobs`; under the mutex
  std::thread thread;
  log::Once trouble;

  // Takes the job's turn if it is due (or `now_anyway`): the time of its start if it is ours to run. *wait gets the time
  // until it is due.
  Result<std::optional<std::int64_t>> take(const Job& job, bool now_anyway, Duration* wait) {
    std::optional<std::int64_t> ours;
    if (lease != nullptr && !lease->holds())
      return Error{ErrorCode::kTemporary, "the lease of this node is over"};
    auto result = database.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
      ours.reset();
      const std::int64_t now = to_millis(clock.wall_now());
      ESSAIM_TRY(
          sql::run(connection,
                   std::string(connection.insert_ignore()) +
                       " job (name, started, finished, succeeded, result, node) VALUES (?, 0, 0, 0, '', 0)",
                   job.name));
      auto started = sql::number(connection, 0, "SELECT started FROM job WHERE name = ?", job.name);
      if (!started.ok()) return started.error();
      const auto until_due = time_until_due(job.interval, *started, now);
      *wait = until_due.value_or(job.interval);
      if (!now_anyway && until_due) return {};
      auto taken = sql::run(connection, "UPDATE job SET started = ?, node = ? WHERE name = ? AND started = ?",
                            now, node, job.name, *started);
      if (!taken.ok()) return taken.error();
      if (*taken == 1) ours = now;
      return {};
    });
    if (!result.ok()) return result.error();
    return ours;
  }

  Result<std::string> run(const Job& job, std::int64_t started) {
    const MonoTime began = clock.mono_now();
    Result<std::string> result = Error{ErrorCode::kInternal, "the job did not run"};
    try {
      JobFence fence(database, lease, stopping, {job.name, started, node});
      result = job.run(fence);
    } catch (const std::exception& e) {
      result = Error{ErrorCode::kInternal, std::string("the job threw: ") + e.what()};
    }
    const std::string text = result.ok() ? *result : result.error().message;
    const Duration took = clock.mono_now() - began;
    if (result.ok()) {
      log::info("job.done", {{"job", job.name}, {"took", took}, {"result", text}});
    } else if (ends_the_run(result.error())) {
      log::info("job.given-up", {{"job", job.name}, {"took", took}, {"why", text}});
    } else {
      all_failures().add(job.name, 1);
      log::warning("job.failed", {{"job", job.name}, {"took", took}, {"error", text}});
    }
    const auto noted = database.write_now(Durability::kProgress, [&](Connection& connection) -> Result<void> {
      ESSAIM_TRY(
          sql::run(connection,
                   "UPDATE job SET finished = ?, succeeded = ?, result = ? WHERE name = ? AND started = ? "
                   "AND node = ?",
                   clock.wall_now(), result.ok(), text, job.name, started, node));
      return {};
    });
    if (!noted.ok() && result.ok()) return noted.error();
    return result;
  }

  void loop() {
    name_this_thread("jobs");
    std::unique_lock lock(mutex);
    while (!stopping) {
      lock.unlock();
      const Duration wait = round();
      lock.lock();
      wake.wait_for(lock, std::clamp(wait, kShortestWait, kLongestWait),
                    [this] { return stopping.load() || !soon.empty(); });
    }
  }

  // When each was started last. By one statement, since it is asked every minute by every node; what it leaves out is
  // asked for by its turn.
  std::map<std::string, std::int64_t> starts() {
    std::map<std::string, std::int64_t> out;
    const auto read = database.look_now([&out](Connection& connection) {
      return sql::each(connection.prepare("SELECT name, started FROM job"),
                       [&out](Statement& row) { out[sql::text(row, 0)] = row.integer(1); });
    });
    if (!read.ok()) out.clear();
    return out;
  }

  // How long it is until this node takes a turn of a job that it knows to have been started then.
  std::optional<Duration> time_until_turn(const Job& job, std::int64_t started) {
    const std::int64_t now = to_millis(clock.wall_now());
    const auto until_due = time_until_due(job.interval, started, now);
    if (until_due || lease == nullptr || !job.others_first || !job.others_first(database)) return until_due;
    return time_until_due(2 * job.interval, started, now);
  }

  // Runs what is due; gives the time until the next one is.
  Duration round() {
    Duration next = kLongestWait;
    const auto started = starts();
    for (const Job& job : jobs) {
      bool now = false;
      {
        const std::lock_guard lock(mutex);
        if (stopping) return next;
        now = soon.erase(job.name) > 0;
      }
      if (const auto last = started.find(job.name); !now && last != started.end()) {
        if (const auto wait = time_until_turn(job, last->second)) {
          next = std::min(next, *wait);
          continue;
        }
      }
      const std::lock_guard turn(running);
      Duration wait = job.interval;
      auto ours = take(job, now, &wait);
      if (!ours.ok()) {
        if (trouble.again())
          log::warning("job.no_turn", {{"job", job.name}, {"error", ours.error().message}});
        next = std::min<Duration>(next, std::chrono::seconds(5));
        continue;
      }
      if (std::uint64_t failures = 0; trouble.over(&failures))
        log::info("job.turn_again", {{"failures", failures}});
      if (ours->has_value()) static_cast<void>(run(job, **ours).ok());  // logged and noted there
      next = std::min(next, wait);
    }
    return next;
  }
};

bool ends_the_run(const Error& error) {
  return error.code == ErrorCode::kCancelled || error.code == ErrorCode::kConflict;
}

JobRunner::JobRunner(Database& database, const Clock& clock, int node, const NodeLease* lease)
    : impl_(std::make_unique<Impl>(database, clock, node, lease)) {}

JobRunner::~JobRunner() {
  stop();
}

void JobRunner::add(Job job) {
  ESSAIM_CHECK(!impl_->thread.joinable());
  all_failures().add(job.name, 0);
  impl_->jobs.push_back(std::move(job));
}

void JobRunner::start() {
  ESSAIM_CHECK(!impl_->thread.joinable());
  impl_->stopping = false;
  impl_->thread = std::thread([this] { impl_->loop(); });
}

void JobRunner::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

Result<std::string> JobRunner::run_now(const std::string& name) {
  for (const Job& job : impl_->jobs) {
    if (job.name != name) continue;
    const std::lock_guard turn(impl_->running);
    Duration wait{};
    auto ours = impl_->take(job, true, &wait);
    if (!ours.ok()) return ours.error();
    if (!ours->has_value())
      return Error{ErrorCode::kConflict, "job " + name + " has just been started by another node"};
    return impl_->run(job, **ours);
  }
  return Error{ErrorCode::kNotFound, "no such job: " + name};
}

void JobRunner::run_soon(const std::string& name) {
  const bool known = std::any_of(impl_->jobs.begin(), impl_->jobs.end(),
                                 [&name](const Job& job) { return job.name == name; });
  if (!known) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->soon.insert(name);
  }
  impl_->wake.notify_all();
}

std::map<std::string, std::uint64_t> JobRunner::failures() {
  Failures& all = all_failures();
  const std::lock_guard lock(all.mutex);
  return all.by_job;
}

}  // namespace essaim::storage
