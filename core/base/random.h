// Random numbers: keys from the operating system's generator, jitter from a fast one per thread. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

namespace essaim {

std::uint64_t random_u64();             // fast, per thread, seeded by the system; not for keys
double random_fraction();               // [0, 1)
std::string random_key(std::size_t n);  // from the system's cryptographic generator; aborts if it has none

}  // namespace essaim
