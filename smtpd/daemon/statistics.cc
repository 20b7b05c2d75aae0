#include "smtpd/daemon/statistics.h"

#include <algorithm>

namespace essaim::smtpd {
namespace {

constexpr Duration kPatience = std::chrono::milliseconds(800);
constexpr int kKeptFor = 20;  // times what it took

}  // namespace

// One snapshot while it is gathered. Used on the home loop only; who is asked holds it until then.
class Statistics::Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  Gathering(const Statistics& owner, std::function<void(const Snapshot&)> done)
      : owner_(owner), done_(std::move(done)), home_(owner.home_) {
    for (const net::EventLoop* loop : owner.parts_.loops)
      snapshot_.loops.emplace_back(loop->name(), std::nullopt);
  }

  void gather() {
    auto self = shared_from_this();
    deadline_ = std::make_unique<net::Timer>(home_, [self] { self->end(); });  // it lives until end()
    deadline_->start(kPatience);
    missing_ = snapshot_.loops.size() + 2;
    const MonoTime sent = system_clock().mono_now();
    for (std::size_t i = 0; i < snapshot_.loops.size(); ++i) {
      owner_.parts_.loops[i]->post([self, i, sent] {
        self->back(
            [self, i, lag = system_clock().mono_now() - sent] { self->snapshot_.loops[i].second = lag; });
      });
    }
    owner_.parts_.database.write(
        storage::Durability::kProgress, [](storage::Connection&) { return Result<void>(); },
        [self, sent](const Result<void>&) {
          self->back(
              [self, took = system_clock().mono_now() - sent] { self->snapshot_.database_answer = took; });
        });
    owner_.parts_.engine.busiest(
        owner_.depth_.destinations,
        [self](const std::vector<delivery::DestinationStatus>& all, const delivery::EngineLoad& load) {
          self->back([self, all, load] {
            self->snapshot_.busiest = all;
            self->snapshot_.engine = load;
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
    complete();
    done(snapshot_);
  }

 private:
  void complete() {
    snapshot_.time = system_clock().wall_now();
    snapshot_.uptime = system_clock().mono_now() - owner_.parts_.serving_since;
    snapshot_.facts = owner_.parts_.facts();
    snapshot_.counters = counter_sums();
    snapshot_.database_healthy = owner_.parts_.database.healthy();
    snapshot_.sending_paused = owner_.parts_.engine.paused();
    snapshot_.database = owner_.parts_.database.counters();
    const std::lock_guard lock(owner_.cache_->mutex);
    if (!owner_.cache_->known) return;
    snapshot_.queue = owner_.cache_->load;
    snapshot_.backup = owner_.cache_->backup;
  }

  const Statistics& owner_;
  std::function<void(const Snapshot&)> done_;
  net::EventLoop& home_;
  std::unique_ptr<net::Timer> deadline_;
  std::size_t missing_ = 0;
  Snapshot snapshot_;
};

Statistics::Statistics(net::EventLoop& home, Parts parts, Depth depth)
    : home_(home), parts_(std::move(parts)), depth_(depth) {}

Statistics::~Statistics() {
  for (const auto& one : live_)
    if (const auto gathering = one.lock()) gathering->end();
}

void Statistics::refresh() {
  const MonoTime now = system_clock().mono_now();
  {
    const std::lock_guard lock(cache_->mutex);
    if (cache_->reading) return;
    if (cache_->known &&
        now - cache_->read_at < std::max<Duration>(depth_.queue_kept, cache_->took * kKeptFor))
      return;
    cache_->reading = true;
  }
  auto load = std::make_shared<storage::QueueLoad>();
  auto backup = std::make_shared<storage::BackupNote>();
  auto began = std::make_shared<MonoTime>(now);
  parts_.database.read_long(
      storage::Database::How::kSnapshot,
      [load, backup, began, lists = depth_.lists](storage::Connection& connection) -> Result<void> {
        *began = system_clock().mono_now();
        auto found = storage::queue_load(connection, lists);
        if (!found.ok()) return found.error();
        *load = *std::move(found);
        auto noted = storage::backup_note(connection);
        if (!noted.ok()) return noted.error();
        *backup = *noted;
        return {};
      },
      [cache = cache_, load, backup, began](const Result<void>& outcome) {
        const std::lock_guard lock(cache->mutex);
        cache->reading = false;
        cache->read_at = system_clock().mono_now();
        cache->took = cache->read_at - *began;
        if (!outcome.ok()) return;
        cache->load = std::move(*load);
        cache->backup = *backup;
        cache->known = true;
      });
}

void Statistics::ask(std::function<void(const Snapshot&)> done) {
  refresh();
  std::erase_if(live_, [](const auto& one) { return one.expired(); });
  auto gathering = std::make_shared<Gathering>(*this, std::move(done));
  live_.push_back(gathering);
  gathering->gather();
}

}  // namespace essaim::smtpd
