// Where lines of the log go: standard error, whole lines. A thread may gather its lines and write them by one
// system call. Of log.cc. Thread-safe; nothing here blocks on anything but standard error. What cannot be written
// (a full disk) is dropped and counted, and the log says how much once it can be written again.
#pragma once

#include <string_view>

namespace essaim::log {

// `line` ends with a newline. `at_once`: with all that this thread gathered before it.
void output(std::string_view line, bool at_once);

void begin_gathering();     // of this thread, until
void end_gathering();       // which writes what there is
void flush_gathered();      // of this thread
void flush_output();        // of all threads
void flush_before_abort();  // likewise, what can be had without waiting for anybody

}  // namespace essaim::log
