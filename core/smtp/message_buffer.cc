#include "core/smtp/message_buffer.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/text.h"

namespace essaim::smtp {
namespace {

constexpr std::size_t kStep = 16 * 1024;  // the budget is taken in steps, to touch the shared counter rarely
constexpr std::size_t kWriteBlock = 64 * 1024;  // small pieces are gathered before they are written
constexpr std::uint64_t kFileStep = 1 << 20;    // so are the room in files and on the disk asked for

Error failed(const char* doing, const std::string& where, int error) {
  return io_error(std::string(doing) + " a temporary file in " + where, error);
}

bool take_of(std::atomic<std::uint64_t>* counter, std::uint64_t limit, std::uint64_t octets) {
  std::uint64_t used = counter->load(std::memory_order_relaxed);
  do {
    if (octets > limit || used > limit - octets) return false;
  } while (!counter->compare_exchange_weak(used, used + octets, std::memory_order_relaxed));
  return true;
}

}  // namespace

bool MemoryBudget::take(std::uint64_t octets) {
  return take_of(&used_, limit_, octets);
}

void MemoryBudget::give(std::uint64_t octets) {
  used_.fetch_sub(octets, std::memory_order_relaxed);
}

bool MemoryBudget::take_file(std::uint64_t octets) {
  return take_of(&in_files_, files_, octets);
}

void MemoryBudget::give_file(std::uint64_t octets) {
  in_files_.fetch_sub(octets, std::memory_order_relaxed);
}

MessageBuffer::MessageBuffer(MemoryBudget& budget, std::string spill_directory, std::size_t threshold)
    : budget_(budget), directory_(std::move(spill_directory)), threshold_(threshold) {}

MessageBuffer::~MessageBuffer() {
  clear();
}

void MessageBuffer::clear() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  std::string().swap(memory_);
  budget_.give(reserved_);
  budget_.give_file(filed_);
  reserved_ = size_ = written_ = filed_ = 0;
  ascii_ = true;
}

bool MessageBuffer::reserve(std::size_t octets) {
  if (octets <= reserved_) return true;
  const std::uint64_t more = (octets - reserved_ + kStep - 1) / kStep * kStep;
  if (!budget_.take(more)) return false;
  reserved_ += more;
  return true;
}

Result<void> MessageBuffer::reserve_file(std::uint64_t octets) {
  if (octets <= filed_) return {};
  const std::uint64_t more = (octets - filed_ + kFileStep - 1) / kFileStep * kFileStep;
  if (!budget_.take_file(more))
    return Error{ErrorCode::kExhausted, "temporary files of messages on their way in have no more room"};
  filed_ += more;
  struct statvfs disk {};
  if (budget_.least_free() == 0 || ::fstatvfs(fd_, &disk) != 0) return {};
  const std::uint64_t left = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (left >= budget_.least_free()) return {};
  return Error{ErrorCode::kExhausted, "little room is left on the disk of " + directory_};
}

Result<void> MessageBuffer::append(std::string_view bytes) {
  ascii_ = ascii_ && is_ascii(bytes);
  if (fd_ < 0) {
    const std::size_t total = memory_.size() + bytes.size();
    if (total <= threshold_ && reserve(total)) {
      memory_.append(bytes);
      size_ += bytes.size();
      return {};
    }
    ESSAIM_TRY(open_file());
  }
  memory_.append(bytes);
  if (memory_.size() >= kWriteBlock) ESSAIM_TRY(write_out());
  size_ += bytes.size();
  return {};
}

Result<void> MessageBuffer::open_file() {
  int fd = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 &&
      (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {  // a file system without O_TMPFILE
    std::string name = directory_ + "/essaim-XXXXXX";
    fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(name.c_str());
  }
  if (fd < 0) return failed("cannot make", directory_, errno);
  fd_ = fd;
  // What was in memory goes first, so that the budget gets it back at once. What is gathered for the next
  // write from here on is outside the budget: at most a block for each session.
  ESSAIM_TRY(write_out());
  budget_.give(reserved_);
  reserved_ = 0;
  return {};
}

Result<void> MessageBuffer::write_out() {
  ESSAIM_TRY(reserve_file(written_ + memory_.size()));
  std::string_view rest = memory_;
  while (!rest.empty()) {
    const ssize_t n = ::pwrite(fd_, rest.data(), rest.size(), static_cast<off_t>(written_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("cannot write to", directory_, n < 0 ? errno : ENOSPC);
    rest.remove_prefix(static_cast<std::size_t>(n));
    written_ += static_cast<std::uint64_t>(n);
  }
  if (memory_.capacity() > 2 * kWriteBlock) {
    std::string().swap(memory_);
  } else {
    memory_.clear();
  }
  return {};
}

Result<std::string> MessageBuffer::read_all() const {
  if (fd_ < 0) return memory_;
  std::string out(written_, '\0');
  std::size_t pos = 0;
  while (pos < out.size()) {
    const ssize_t n = ::pread(fd_, out.data() + pos, out.size() - pos, static_cast<off_t>(pos));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed("cannot read", directory_, n < 0 ? errno : EIO);
    pos += static_cast<std::size_t>(n);
  }
  out += memory_;
  return out;
}

}  // namespace essaim::smtp
