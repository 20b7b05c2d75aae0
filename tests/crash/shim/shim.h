// A library to be preloaded (LD_PRELOAD) into the server and its command line by tests/crash, tests/faults and
// tests/load. It stands between the program and the C library's calls and does what the environment says:
//
//   ESSAIM_SHIM_CONTROL=FILE  a Control structure, mapped and changed by the harness while the program runs:
//                             faults of files and the clock
//   ESSAIM_SHIM_DIR=DIR       the files meant: those below this directory
//   ESSAIM_SHIM_LOG=FILE      every change of these files is appended here, so that the harness can make what
//                             would be left on the disk if the power failed (power.py)
//
// Without these variables it changes nothing. Any thread; no call of it allocates on a hot path.
#pragma once

#include <cstddef>
#include <cstdint>

#include <dlfcn.h>

namespace shim {

// Shared with control.py: only 64-bit words, and a text.
struct Control {
  std::int64_t clock_offset_ms;  // added to the wall clock
  std::int64_t clock_factor;     // how much faster all clocks run; 0 and 1: not at all
  std::int64_t fail_calls;       // sum of Call: which fail; 0: none
  std::int64_t fail_errno;
  std::int64_t fail_first;  // the k-th of them fails, counted from 1 in `seen`
  std::int64_t fail_times;  // so many in a row
  std::int64_t seen;
  std::int64_t failed;
  char fail_path[192];  // only files whose path contains this
};

enum Call : std::int64_t { kOpen = 1, kWrite = 2, kSync = 4, kTruncate = 8, kAllocate = 16, kRead = 32 };

// Null when there is none.
Control* control();

// The next definition of a function, behind ours.
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace shim
