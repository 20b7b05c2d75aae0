#include "core/net/output_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/check.h"

namespace essaim::net {
namespace {

constexpr std::size_t kOwnPiece = 16 * 1024;  // small writes are gathered up to this size
constexpr std::size_t kSpare = 4 * 1024;      // an idle connection keeps no more than this

}  // namespace

void OutputQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (pieces_.size() > head_) {
    Piece& last = pieces_.back();
    if (!last.shared && last.own.size() + bytes.size() <= kOwnPiece) {
      last.own.append(bytes);
      last.length += bytes.size();
      return;
    }
  }
  Piece& piece = pieces_.emplace_back();
  piece.own.swap(spare_);
  piece.own.assign(bytes);
  piece.length = bytes.size();
}

void OutputQueue::append_shared(SharedBytes bytes, std::size_t offset, std::size_t length) {
  ESSAIM_CHECK(bytes != nullptr && offset <= bytes->size() && length <= bytes->size() - offset);
  if (length == 0) return;
  size_ += length;
  Piece& piece = pieces_.emplace_back();
  piece.shared = std::move(bytes);
  piece.offset = offset;
  piece.length = length;
}

std::size_t OutputQueue::gather(iovec* vectors, std::size_t max) const {
  const std::size_t count = std::min(max, pieces_.size() - head_);
  for (std::size_t i = 0; i < count; ++i) {
    const Piece& piece = pieces_[head_ + i];
    vectors[i].iov_base = const_cast<char*>(piece.data());  // sendmsg() only reads it
    vectors[i].iov_len = piece.length;
  }
  return count;
}

std::string_view OutputQueue::front(char* scratch, std::size_t limit) const {
  const std::size_t wanted = std::min(limit, size_);
  if (wanted == 0) return {};
  if (pieces_[head_].length >= wanted) return {pieces_[head_].data(), wanted};
  std::size_t filled = 0;
  for (std::size_t i = head_; filled < wanted; ++i) {
    const std::size_t part = std::min(wanted - filled, pieces_[i].length);
    std::memcpy(scratch + filled, pieces_[i].data(), part);
    filled += part;
  }
  return {scratch, wanted};
}

void OutputQueue::consume(std::size_t n) {
  ESSAIM_CHECK(n <= size_);
  size_ -= n;
  while (n > 0) {
    Piece& piece = pieces_[head_];
    const std::size_t part = std::min(n, piece.length);
    piece.offset += part;
    piece.length -= part;
    n -= part;
    if (piece.length > 0) break;
    piece.shared.reset();
    if (piece.own.capacity() <= kSpare && piece.own.capacity() > spare_.capacity())
      spare_ = std::move(piece.own);
    piece.own = std::string();
    ++head_;
  }
  if (head_ == pieces_.size()) {
    pieces_.clear();
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= pieces_.size()) {
    // A queue that never runs empty must not keep what it has sent.
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void OutputQueue::clear() {
  pieces_.clear();
  head_ = 0;
  size_ = 0;
}

}  // namespace essaim::net
