// Fuzz targets: one file each, driving the real code and checking what must hold for every input (by
// ESSAIM_CHECK, which aborts). With clang-16 each becomes a program of libFuzzer (tests/fuzz/run); in every
// build one program replays tests/fuzz/corpus through all of them.
//
//   ESSAIM_FUZZ_TARGET(reply_reader) { ... `data` is the input ... }
//
// The corpus of a target is the folder of its name. ESSAIM_FUZZ_MESSAGES is the same for targets that read
// whole messages: tests/messages belongs to their corpus too.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/check.h"

namespace essaim::fuzz {

struct Target {
  const char* name;
  bool messages;
  void (*run)(std::string_view data);
};

// All that are linked into the program.
std::vector<Target>& targets();

struct Registration {
  Registration(const char* name, bool messages, void (*run)(std::string_view)) {
    targets().push_back({name, messages, run});
  }
};

// Takes the first octet off as a choice between ways to run; 0 when there is none.
unsigned char take_choice(std::string_view* data);
// Takes the front up to and with `separator` off; all when there is none.
std::string_view take_until(std::string_view* data, char separator);

// The pieces in which a stream may arrive: whole, by single octets, and in a way that `seed` tells. No piece
// is empty.
using Pieces = std::vector<std::string_view>;
Pieces whole(std::string_view data);
Pieces by_octet(std::string_view data);
Pieces at_random(std::string_view data, unsigned seed);

}  // namespace essaim::fuzz

#define ESSAIM_FUZZ_REGISTERED(target, messages)                                                 \
  static void fuzz_##target(std::string_view data);                                              \
  static const essaim::fuzz::Registration registered_##target(#target, messages, fuzz_##target); \
  static void fuzz_##target(std::string_view data)
#define ESSAIM_FUZZ_TARGET(target) ESSAIM_FUZZ_REGISTERED(target, false)
#define ESSAIM_FUZZ_MESSAGES(target) ESSAIM_FUZZ_REGISTERED(target, true)
