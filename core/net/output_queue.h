// The output of a connection that the kernel has not taken yet: own bytes, gathered in few strings, and
// pieces of shared bytes, which are never copied. Loop thread only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include "core/base/shared_bytes.h"

namespace essaim::net {

class OutputQueue {
 public:
  void append(std::string_view bytes);
  void append_shared(SharedBytes bytes, std::size_t offset, std::size_t length);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // The first bytes as up to `max` vectors; returns how many were filled.
  std::size_t gather(iovec* vectors, std::size_t max) const;
  // The first min(size(), limit) bytes in one piece: within the queue if they lie together, else copied to
  // `scratch` (of `limit` bytes).
  std::string_view front(char* scratch, std::size_t limit) const;
  void consume(std::size_t n);
  void clear();

 private:
  struct Piece {
    std::string own;
    SharedBytes shared;
    std::size_t offset = 0;
    std::size_t length = 0;  // from offset on
    const char* data() const { return (shared ? shared->data() : own.data()) + offset; }
  };
  std::vector<Piece> pieces_;  // those before head_ are gone
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::string spare_;  // storage for the next own piece
};

}  // namespace essaim::net
