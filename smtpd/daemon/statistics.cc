#include "smtpd/daemon/statistics.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "core/base/counters.h"

namespace essaim::smtpd {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kPatience = std::chrono::milliseconds(800);
constexpr std::size_t kLists = 10, kDestinations = 20;
constexpr int kKeptFor = 20;  // times what it took
constexpr Duration kKeptAtLeast = std::chrono::milliseconds(500);

double milliseconds(Duration d) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(d).count()) / 1000.0;
}

const char* name_of(storage::BatchQueue queue) {
  switch (queue) {
    case storage::BatchQueue::kReady:
      return "ready";
    case storage::BatchQueue::kWaiting:
      return "waiting";
    case storage::BatchQueue::kOwned:
      return "active";
    case storage::BatchQueue::kHeld:
      return "held";
    case storage::BatchQueue::kFinished:
      break;
  }
  return "finished";
}

Json as_json(const storage::QueueLoad& load) {
  Json states = Json::object(), lists = Json::array();
  const WallTime now = system_clock().wall_now();
  for (const auto& s : load.states) {
    Json& state = states[name_of(s.queue)];
    state = {{"batches", s.batches},
             {"recipients", s.recipients},
             {"oldest", nullptr},
             {"oldest_seconds", nullptr}};
    if (s.oldest == WallTime{}) continue;
    state["oldest"] = format_iso8601(s.oldest);
    state["oldest_seconds"] =
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - s.oldest).count());
  }
  for (const auto& l : load.lists)
    lists.push_back({{"list", l.address}, {"posts", l.posts}, {"recipients", l.recipients}});
  return {{"states", states}, {"unexpanded", load.unexpanded}, {"lists", lists}};
}

Json as_json(const delivery::DestinationStatus& d) {
  return {{"domain", d.domain}, {"connections", d.connections},
          {"limit", d.limit},   {"waiting", d.waiting},
          {"state", d.state},   {"last_reply", d.last_replies.empty() ? std::string() : d.last_replies[0]}};
}

}  // namespace

// One snapshot while it is gathered. Used on loop 0 only; who is asked holds it until then.
class Statistics::Snapshot : public std::enable_shared_from_this<Snapshot> {
 public:
  Snapshot(const Statistics& owner, std::function<void(std::string)> done)
      : owner_(owner), done_(std::move(done)), home_(*owner.parts_.loops[0]) {
    lag_.resize(owner.parts_.loops.size());
  }

  void gather() {
    auto self = shared_from_this();
    deadline_ = std::make_unique<net::Timer>(home_, [self] { self->end(); });  // it lives until end()
    deadline_->start(kPatience);
    missing_ = lag_.size() + 2;
    const MonoTime sent = system_clock().mono_now();
    for (std::size_t i = 0; i < lag_.size(); ++i) {
      owner_.parts_.loops[i]->post([self, i, sent] {
        self->back([self, i, lag = system_clock().mono_now() - sent] { self->lag_[i] = lag; });
      });
    }
    owner_.parts_.database.write(
        storage::Durability::kProgress, [](storage::Connection&) { return Result<void>(); },
        [self, sent](const Result<void>&) {
          self->back([self, took = system_clock().mono_now() - sent] { self->commit_ = took; });
        });
    owner_.parts_.engine.busiest(kDestinations,
                                 [self](const std::vector<delivery::DestinationStatus>& all, int out) {
                                   self->back([self, all, out] {
                                     self->destinations_ = all;
                                     self->connections_out_ = out;
                                   });
                                 });
  }

  void back(std::function<void()> note) {
    home_.post([self = shared_from_this(), note = std::move(note)] {
      if (!self->done_) return;
      note();
      if (--self->missing_ == 0) self->end();
    });
  }

  void end() {
    if (!done_) return;
    const auto done = std::exchange(done_, nullptr);
    deadline_->cancel();
    home_.post([timer = std::shared_ptr<net::Timer>(std::move(deadline_))] {});  // it may be on the stack
    done(text());
  }

 private:
  std::string text() const {
    Json counters = Json::object();
    const CounterSums sums = counter_sums();
    for (std::size_t i = 0; i < kCounters; ++i) counters[to_string(static_cast<Counter>(i))] = sums[i];
    Json loops = Json::array();
    for (std::size_t i = 0; i < lag_.size(); ++i)
      loops.push_back({{"name", owner_.parts_.loops[i]->name()},
                       {"lag_ms", lag_[i] ? Json(milliseconds(*lag_[i])) : Json(nullptr)}});
    const auto database = owner_.parts_.database.counters();
    Json destinations = Json::array();
    for (const auto& d : destinations_) destinations.push_back(as_json(d));
    Json out{{"time", format_iso8601(system_clock().wall_now())},
             {"uptime_seconds",
              std::chrono::duration_cast<std::chrono::seconds>(system_clock().mono_now() - owner_.started_)
                  .count()},
             {"node", owner_.parts_.node},
             {"counters", counters},
             {"sessions", owner_.parts_.sessions()},
             {"connections_out", connections_out_},
             {"loops", loops},
             {"database",
              {{"healthy", owner_.parts_.database.healthy()},
               {"answer_ms", commit_ ? Json(milliseconds(*commit_)) : Json(nullptr)},
               {"commits", database.commits},
               {"durable_commits", database.durable_commits},
               {"failed_commits", database.failed_commits}}},
             {"destinations", destinations}};
    const std::lock_guard lock(owner_.cache_->mutex);
    out["queue"] = owner_.cache_->known ? as_json(owner_.cache_->load) : Json(nullptr);
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  const Statistics& owner_;
  std::function<void(std::string)> done_;
  net::EventLoop& home_;
  std::unique_ptr<net::Timer> deadline_;
  std::size_t missing_ = 0;
  std::vector<std::optional<Duration>> lag_;
  std::optional<Duration> commit_;
  std::vector<delivery::DestinationStatus> destinations_;
  int connections_out_ = 0;
};

Statistics::Statistics(Parts parts) : parts_(std::move(parts)), started_(system_clock().mono_now()) {}

Statistics::~Statistics() {
  for (const auto& one : live_)
    if (const auto snapshot = one.lock()) snapshot->end();
}

void Statistics::refresh() {
  const MonoTime now = system_clock().mono_now();
  {
    const std::lock_guard lock(cache_->mutex);
    if (cache_->reading) return;
    if (cache_->known && now - cache_->read_at < std::max<Duration>(kKeptAtLeast, cache_->took * kKeptFor))
      return;
    cache_->reading = true;
  }
  auto load = std::make_shared<storage::QueueLoad>();
  auto began = std::make_shared<MonoTime>(now);
  parts_.database.read(
      [load, began](storage::Connection& connection) -> Result<void> {
        *began = system_clock().mono_now();
        auto found = storage::queue_load(connection, kLists);
        if (!found.ok()) return found.error();
        *load = *std::move(found);
        return {};
      },
      [cache = cache_, load, began](const Result<void>& outcome) {
        const std::lock_guard lock(cache->mutex);
        cache->reading = false;
        cache->read_at = system_clock().mono_now();
        cache->took = cache->read_at - *began;
        if (!outcome.ok()) return;
        cache->load = std::move(*load);
        cache->known = true;
      });
}

void Statistics::ask(std::function<void(std::string json)> done) {
  refresh();
  std::erase_if(live_, [](const auto& one) { return one.expired(); });
  auto snapshot = std::make_shared<Snapshot>(*this, std::move(done));
  live_.push_back(snapshot);
  snapshot->gather();
}

}  // namespace essaim::smtpd
