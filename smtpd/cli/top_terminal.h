// The terminal while `essaim top` owns it: another screen, no echo, no cursor; keys, the window's size, and signals
// as events. Everything is put back by the destructor, also when the program ends by SIGINT or SIGTERM; after SIGTSTP
// the shell has its terminal as it was. One at a time; main thread.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"

namespace essaim::smtpd::cli {

class TopTerminal {
 public:
  // False: standard output is no terminal.
  static bool usable();
  TopTerminal();
  ~TopTerminal();
  TopTerminal(const TopTerminal&) = delete;
  TopTerminal& operator=(const TopTerminal&) = delete;

  enum class Event { kTime, kKey, kResized, kEnd };
  // Waits for at most `patience`; kKey: *key tells which. kEnd: a signal, or nobody at the keyboard any more.
  Event wait(Duration patience, char* key);
  int columns() const { return columns_; }
  int rows() const { return rows_; }
  // False when the terminal is gone.
  bool draw(const std::vector<std::string>& lines);

 private:
  void measure();
  void take();
  void give_back();
  int columns_ = 80, rows_ = 24;
};

}  // namespace essaim::smtpd::cli
