// What a hostile server may send. Aborts when a promise of the session is broken.
#include <cstdint>
#include <string_view>

#include "core/base/check.h"
#include "tests/delivery/client/noise.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ESSAIM_CHECK(essaim::delivery::bench::run_noise({reinterpret_cast<const char*>(data), size}).empty());
  return 0;
}
