// The content of a message on its way in. It is in memory while it is small and the budget that all sessions
// share has room; then it moves to an unlinked temporary file, which the system frees whatever happens to us. The budget
// bounds the files, too: clients that send much and never end it would fill the disk on which work is recorded.
// Writing to the file goes to the page cache and is done on the caller's thread.
//
// Owned by one thread at a time (it is handed from the session to whoever stores it). The budget outlives all
// buffers.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::smtp {

// Octets of memory for all messages in flight. Thread-safe.
class MemoryBudget {
 public:
  // `files`: octets in all temporary files, on top.
  explicit MemoryBudget(std::uint64_t limit, std::uint64_t files = UINT64_MAX)
      : limit_(limit), files_(files) {}
  bool take(std::uint64_t octets);  // false: there is not so much left, nothing was taken
  void give(std::uint64_t octets);
  // The same of files.
  bool take_file(std::uint64_t octets);
  void give_file(std::uint64_t octets);
  // Octets that files leave free on their disk; they may fill it until this is called.
  void set_least_free(std::uint64_t octets) { least_free_.store(octets, std::memory_order_relaxed); }
  std::uint64_t least_free() const { return least_free_.load(std::memory_order_relaxed); }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_; }

 private:
  const std::uint64_t limit_, files_;
  std::atomic<std::uint64_t> used_{0}, in_files_{0}, least_free_{0};
};

class MessageBuffer {
 public:
  static constexpr std::size_t kDefaultThreshold = 256 * 1024;  // octets kept in memory for one message

  MessageBuffer(MemoryBudget& budget, std::string spill_directory, std::size_t threshold = kDefaultThreshold);
  ~MessageBuffer();
  MessageBuffer(const MessageBuffer&) = delete;
  MessageBuffer& operator=(const MessageBuffer&) = delete;

  // kExhausted when files or disk have no room, kIo for other troubles; the buffer is then useless and its size stays.
  Result<void> append(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  bool spilled() const { return fd_ >= 0; }
  bool ascii() const { return ascii_; }  // no octet so far has the high bit

  // The whole content. What is returned is not under the budget: its holder uses it for a short time, or
  // limits how many hold one. Ready to be called again.
  Result<std::string> read_all() const;
  // Frees memory, file and budget; empty again.
  void clear();

 private:
  Result<void> open_file();
  Result<void> write_out();
  bool reserve(std::size_t octets);
  Result<void> reserve_file(std::uint64_t octets);

  MemoryBudget& budget_;
  const std::string directory_;
  const std::size_t threshold_;
  std::string memory_;          // all of it, or what is not yet written to the file
  std::uint64_t reserved_ = 0;  // taken from the budget
  std::uint64_t size_ = 0;
  std::uint64_t written_ = 0;  // octets in the file
  std::uint64_t filed_ = 0;    // taken from the budget for it
  bool ascii_ = true;
  int fd_ = -1;
};

}  // namespace essaim::smtp
