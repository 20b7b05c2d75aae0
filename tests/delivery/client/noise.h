// Bytes of a hostile server against a client session: the entry point of the fuzzer and of the random test.
// The first octet chooses settings and how the rest is cut; an octet 0xFE lets time pass, 0xFD says that the
// output has gone.
#pragma once

#include <string>
#include <string_view>

namespace essaim::delivery::bench {

// "" or the promise that was broken.
std::string run_noise(std::string_view bytes);

}  // namespace essaim::delivery::bench
