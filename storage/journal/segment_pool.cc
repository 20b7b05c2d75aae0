#include "storage/journal/segment_pool.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/crash_point.h"
#include "storage/journal/segment_format.h"

namespace essaim::storage {

namespace {

constexpr int kAhead = 2;                                // segments ready beside the one in use
constexpr auto kSyncInterval = std::chrono::seconds(1);  // what a power failure may lose of the journal
// Progress commits of the database are synced by its checkpoints within about a second; only then can the
// journal go.
constexpr auto kKeepComplete = std::chrono::seconds(3);

bool complete(const Segment& s) {
  return s.sealed.load() && s.done.load() >= s.recorded.load();
}

}  // namespace

Segment::~Segment() {
  if (fd >= 0) ::close(fd);
}

SegmentPool::SegmentPool(const JournalWriter::Options& options, Executor& executor)
    : options_(options), executor_(executor) {}

Result<std::shared_ptr<Segment>> SegmentPool::make() {
  auto segment = std::make_shared<Segment>(options_.segment_size);
  do {  // numbers of an earlier writer of this epoch are passed over
    segment->path =
        options_.directory + "/" + segment_name(options_.name, options_.epoch, next_file_.fetch_add(1));
    segment->fd = ::open(segment->path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  } while (segment->fd < 0 && errno == EEXIST);
  if (segment->fd < 0) return io_error("journal " + segment->path + ": create");
  const int failed = ::posix_fallocate(segment->fd, 0, static_cast<off_t>(options_.segment_size));
  if (failed == 0) return segment;
  ::unlink(segment->path.c_str());
  return io_error("journal " + segment->path + ": allocate", failed);
}

std::shared_ptr<Segment> SegmentPool::take_ready() {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Segment> segment;
  if (!ready_.empty()) {
    segment = std::move(ready_.front());
    ready_.pop_front();
  }
  while (!closed_ && static_cast<int>(ready_.size()) + preparing_ < kAhead) {
    ++preparing_;
    if (!executor_.submit([self = shared_from_this()] { self->prepare(); })) {
      --preparing_;
      break;
    }
  }
  return segment;
}

void SegmentPool::prepare() {
  auto made = make();
  // The file's name must survive a power failure, too.
  if (made.ok()) {
    const int directory = ::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
      ::fsync((*made)->fd);
      ::fsync(directory);
      ::close(directory);
    }
  }
  const std::lock_guard lock(mutex_);
  --preparing_;
  wake_.notify_all();
  if (!made.ok()) return;  // the writer meets the same trouble when it needs one, and says so
  if (closed_) {
    ::unlink((*made)->path.c_str());
  } else {
    ready_.push_back(std::move(*made));
  }
}

Result<void> SegmentPool::use(const std::shared_ptr<Segment>& segment) {
  const std::lock_guard lock(mutex_);
  segment->number = last_number_ + 1;
  const std::string header = segment_header(options_.epoch, segment->number, &segment->seed);
  const ssize_t written = ::pwrite(segment->fd, header.data(), header.size(), 0);
  if (written != static_cast<ssize_t>(header.size())) {
    const int number = written < 0 ? errno : ENOSPC;
    ::unlink(segment->path.c_str());
    return io_error("journal " + segment->path + ": write header", number);
  }
  ESSAIM_CRASH_POINT("journal.new-segment");
  last_number_ = segment->number;
  used_[segment->number] = segment;
  return {};
}

void SegmentPool::seal(const std::shared_ptr<Segment>& segment) {
  segment->sealed.store(true);
  executor_.submit([self = shared_from_this(), segment] { self->sync(segment); });
}

void SegmentPool::touched(Segment& segment) {
  segment.dirty.store(true, std::memory_order_relaxed);
  if (dirty_.load(std::memory_order_relaxed) || dirty_.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void SegmentPool::segment_done(std::uint64_t number, std::size_t count) {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(number);
  if (found == used_.end()) return;
  found->second->done.fetch_add(count);
  if (complete(*found->second)) wake_.notify_one();
}

void SegmentPool::sync(const std::shared_ptr<Segment>& segment) {
  if (!segment->dirty.exchange(false)) return;
  if (::fdatasync(segment->fd) != 0) {
    // The kernel forgets what it could not write; only new records in a new segment can be relied on again.
    sync_failed_.store(true);
    if (trouble_.again())
      log::error("journal.sync_failing",
                 {{"error", io_error("journal " + segment->path + ": sync").message}});
    return;
  }
  if (std::uint64_t failures = 0; trouble_.over(&failures))
    log::warning("journal.sync_recovered", {{"failures", failures}});
}

void SegmentPool::start_timer() {
  timer_ = std::thread([this] { run_timer(); });
}

void SegmentPool::run_timer() {
  name_this_thread("journal-" + options_.name);
  std::unique_lock lock(mutex_);
  const auto any_complete = [this] {
    for (const auto& [number, segment] : used_) {
      if (complete(*segment)) return true;
    }
    return false;
  };
  while (!closed_) {
    wake_.wait(lock, [&] { return closed_ || dirty_.load() || any_complete(); });
    wake_.wait_for(lock, kSyncInterval, [this] { return closed_; });
    if (closed_) return;
    dirty_.store(false);
    for (const auto& [number, segment] : used_) {
      if (!segment->dirty.load()) continue;
      executor_.submit([self = shared_from_this(), segment = segment] { self->sync(segment); });
    }
    lock.unlock();
    remove_complete(false);
    lock.lock();
  }
}

void SegmentPool::remove_complete(bool at_once) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  for (auto it = used_.begin(); it != used_.end();) {
    Segment& segment = *it->second;
    if (!complete(segment)) {
      ++it;
      continue;
    }
    if (segment.done_since == std::chrono::steady_clock::time_point{}) segment.done_since = now;
    if (!at_once && now - segment.done_since < kKeepComplete) {
      ++it;
      continue;
    }
    ESSAIM_CRASH_POINT("journal.before-remove");
    ::unlink(segment.path.c_str());
    it = used_.erase(it);
  }
}

void SegmentPool::close() {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    wake_.wait(lock, [this] { return preparing_ == 0; });  // nothing appears in the directory after this
    for (const auto& segment : ready_) ::unlink(segment->path.c_str());
    ready_.clear();
  }
  wake_.notify_all();
  if (timer_.joinable()) timer_.join();
  remove_complete(true);
}

}  // namespace essaim::storage
