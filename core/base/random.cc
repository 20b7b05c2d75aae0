#include "core/base/random.h"

#include <random>

#include <sys/random.h>

#include "core/base/check.h"

namespace essaim {

std::string random_key(std::size_t n) {
  std::string key(n, '\0');
  std::size_t done = 0;
  while (done < n) {
    ssize_t got = getrandom(key.data() + done, n - done, 0);
    ESSAIM_CHECK(got > 0);
    done += static_cast<std::size_t>(got);
  }
  return key;
}

std::uint64_t random_u64() {
  thread_local std::mt19937_64 engine = [] {
    std::string seed = random_key(16);
    std::seed_seq sequence(seed.begin(), seed.end());
    return std::mt19937_64(sequence);
  }();
  return engine();
}

double random_fraction() {
  return static_cast<double>(random_u64() >> 11) * 0x1.0p-53;
}

}  // namespace essaim
