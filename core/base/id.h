// Ids of posts, members and everything that must be unique over all nodes without asking anybody: 63 bits,
// made of 41 bits of milliseconds since 2024, 10 bits of node number and 12 bits that count within the
// millisecond. So they grow with time (index locality) and never repeat on one node, also when the clock
// steps back while it runs.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace essaim {

using Id = std::int64_t;  // always > 0; 0 means none

inline constexpr int kMaxNodes = 1024;

// Thread-safe.
class IdGenerator {
 public:
  IdGenerator(const Clock& clock, int node);
  Id next();

 private:
  const Clock& clock_;
  const std::int64_t node_;
  std::mutex mutex_;
  std::int64_t last_ms_ = 0;
  std::int64_t counter_ = 0;
};

// What an id tells: the node that made it, and when.
int node_of(Id id);
WallTime time_of(Id id);
// Less than any that is made from then on.
Id first_id_at(WallTime time);

// 13 characters of Crockford's base 32 in lower case; it is the queue id in replies, logs and Received.
inline constexpr std::size_t kIdTextLength = 13;
std::string format_id(Id id);
void append_id(Id id, std::string* out);
// Case is ignored; anything but 13 valid digits in range gives nothing.
std::optional<Id> parse_id(std::string_view text);

}  // namespace essaim
