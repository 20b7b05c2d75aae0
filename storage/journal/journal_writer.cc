#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "storage/journal/segment_format.h"
#include "storage/journal/segment_pool.h"

namespace essaim::storage {

namespace {

class Writer : public JournalWriter {
 public:
  Writer(const Options& options, std::shared_ptr<SegmentPool> pool)
      : segment_size_(options.segment_size), pool_(std::move(pool)) {}

  ~Writer() override {
    if (active_ != nullptr) pool_->seal(active_);
    active_.reset();
    pool_->close();
  }

  Result<void> begin() {
    auto first = pool_->make();
    if (!first.ok()) return first.error();
    ESSAIM_TRY(enter(std::move(*first)));
    pool_->take_ready();  // none is: this orders them
    pool_->start_timer();
    return {};
  }

  Result<std::uint64_t> append(const JournalRecord& record) override {
    auto written = try_append(record);
    if (!written.ok()) {
      if (trouble_.again()) log::error("journal.failing", {{"error", written.error().message}});
    } else if (failing_) {
      std::uint64_t failures = 0;
      if (trouble_.over(&failures)) log::warning("journal.recovered", {{"failures", failures}});
    }
    failing_ = !written.ok();
    return written;
  }

  void segment_done(std::uint64_t segment, std::size_t count) override {
    pool_->segment_done(segment, count);
  }

 private:
  Result<std::uint64_t> try_append(const JournalRecord& record) {
    frame_.clear();
    must_roll_ = must_roll_ || pool_->sync_failed();
    if (must_roll_) ESSAIM_TRY(roll());
    frame_record(record, active_->seed, &frame_);
    if (offset_ + frame_.size() > segment_size_) {
      ESSAIM_TRY(roll());
      frame_.clear();
      frame_record(record, active_->seed, &frame_);
    }
    ssize_t written = -1;
    do {
      written = ::pwrite(active_->fd, frame_.data(), frame_.size(), static_cast<off_t>(offset_));
    } while (written < 0 && errno == EINTR);
    if (written != static_cast<ssize_t>(frame_.size())) {
      // The offset stays: the next record is written over what there is of this one.
      const int number = written < 0 ? errno : ENOSPC;
      return io_error("journal " + active_->path + ": write", number);
    }
    offset_ += frame_.size();
    active_->recorded.fetch_add(1 + record.also.size());
    pool_->touched(*active_);
    return active_->number;
  }

  // To the next segment. The old one stays in use when there is none.
  Result<void> roll() {
    std::shared_ptr<Segment> next = pool_->take_ready();
    if (next == nullptr) {
      // The executor is behind, or the disk is full: here it blocks for a moment, or fails with the cause.
      auto made = pool_->make();
      if (!made.ok()) return made.error();
      next = std::move(*made);
    }
    return enter(std::move(next));
  }

  Result<void> enter(std::shared_ptr<Segment> segment) {
    ESSAIM_TRY(pool_->use(segment));
    if (active_ != nullptr) pool_->seal(active_);
    active_ = std::move(segment);
    must_roll_ = false;
    offset_ = kSegmentHeader;
    return {};
  }

  const std::size_t segment_size_;
  std::shared_ptr<SegmentPool> pool_;
  std::shared_ptr<Segment> active_;
  std::size_t offset_ = 0;
  std::string frame_;
  bool must_roll_ = false;  // the segment in use cannot be relied on
  bool failing_ = false;
  log::Once trouble_;
};

}  // namespace

Result<std::unique_ptr<JournalWriter>> JournalWriter::open(const Options& options, Executor& executor) {
  if (options.segment_size < kSegmentHeader + kMaxRecord || options.segment_size > kMaxSegment) {
    return Error{ErrorCode::kInvalid,
                 "journal: impossible size of a segment: " + std::to_string(options.segment_size)};
  }
  if (options.name.empty() || options.name.find('/') != std::string::npos) {
    return Error{ErrorCode::kInvalid, "journal: impossible name: " + options.name};
  }
  if (::mkdir(options.directory.c_str(), 0700) != 0 && errno != EEXIST)
    return io_error("journal " + options.directory + ": create");
  auto writer = std::make_unique<Writer>(options, std::make_shared<SegmentPool>(options, executor));
  ESSAIM_TRY(writer->begin());
  return std::unique_ptr<JournalWriter>(std::move(writer));
}

}  // namespace essaim::storage
