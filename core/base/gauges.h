// Amounts that are held now, told by whoever holds them. Thread-safe; for things that come and go rarely.
#pragma once

#include <cstddef>
#include <cstdint>

namespace essaim {

enum class Gauge : std::size_t {
  kJournalSegments,  // files on the disk, of this process
  kJournalOctets,    // what they take there
  kCount,
};

std::int64_t amount(Gauge gauge);

// Adds to the amount as long as it lives.
class Held {
 public:
  Held(Gauge gauge, std::int64_t much);
  ~Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  const Gauge gauge_;
  const std::int64_t much_;
};

}  // namespace essaim
