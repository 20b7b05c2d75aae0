// The entry point of libFuzzer, for programs with one target.
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  essaim::fuzz::targets().front().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
