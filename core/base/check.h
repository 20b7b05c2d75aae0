// ESSAIM_CHECK(condition): a broken invariant ends the process with a message; it is never an input error.
#pragma once

namespace essaim {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define ESSAIM_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::essaim::check_failed(#condition, __FILE__, __LINE__))
