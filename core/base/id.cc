#include "core/base/id.h"

#include "core/base/check.h"
#include "core/base/random.h"

namespace essaim {
namespace {
constexpr std::int64_t kEpochMs = 1'704'067'200'000;  // 2024-01-01
constexpr char kDigits[] = "0123456789abcdefghjkmnpqrstvwxyz";

int digit_value(char c) {
  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (int i = 0; i < 32; ++i) {
    if (kDigits[i] == c) return i;
  }
  return -1;
}
}  // namespace

IdGenerator::IdGenerator(const Clock& clock, int node) : clock_(clock), node_(node) {
  ESSAIM_CHECK(node >= 0 && node < kMaxNodes);
  // A restart within the same millisecond must not repeat an id.
  counter_ = static_cast<std::int64_t>(random_u64() % 2048);
}

Id IdGenerator::next() {
  std::lock_guard lock(mutex_);
  std::int64_t now = to_millis(clock_.wall_now()) - kEpochMs;
  if (now > last_ms_) {
    last_ms_ = now;
    counter_ = static_cast<std::int64_t>(random_u64() % 1024);
  } else if (++counter_ >= 4096) {
    ++last_ms_;
    counter_ = 0;
  }
  return (last_ms_ << 22) | (node_ << 12) | counter_;
}

int node_of(Id id) {
  return static_cast<int>((id >> 12) & (kMaxNodes - 1));
}

WallTime time_of(Id id) {
  return from_millis((id >> 22) + kEpochMs);
}

Id first_id_at(WallTime time) {
  const std::int64_t ms = to_millis(time) - kEpochMs;
  return ms <= 0 ? 0 : ms << 22;
}

void append_id(Id id, std::string* out) {
  auto bits = static_cast<std::uint64_t>(id);
  for (int shift = 60; shift >= 0; shift -= 5) out->push_back(kDigits[(bits >> shift) & 31]);
}

std::string format_id(Id id) {
  std::string out;
  out.reserve(kIdTextLength);
  append_id(id, &out);
  return out;
}

std::optional<Id> parse_id(std::string_view text) {
  if (text.size() != kIdTextLength) return std::nullopt;
  std::uint64_t bits = 0;
  for (char c : text) {
    int v = digit_value(c);
    if (v < 0) return std::nullopt;
    bits = (bits << 5) | static_cast<std::uint64_t>(v);
  }
  // The first digit carries 4 bits, of which the sign bit must be clear.
  if (digit_value(text[0]) > 7 || bits == 0) return std::nullopt;
  return static_cast<Id>(bits);
}

}  // namespace essaim
