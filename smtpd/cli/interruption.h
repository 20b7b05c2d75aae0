// Ctrl-C, SIGTERM or SIGHUP while a command writes much: the work ends between two of its transactions and says how far it
// came, and then the program ends by the signal, as whoever waits for it expects. A second one of the same kind ends it at
// once. A signal that is ignored stays ignored. One object at a time, as signals are the process's.
#pragma once

#include <array>
#include <csignal>

namespace essaim::smtpd::cli {

class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  static bool asked();  // any thread
  // Ends the program if a signal has come to any of these objects; else gives the exit code that it is given. To be called when
  // the object is gone, and the database is closed.
  static int end(int code);

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace essaim::smtpd::cli
