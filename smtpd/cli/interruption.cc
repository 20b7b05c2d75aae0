#include "smtpd/cli/interruption.h"

#include <atomic>

#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {
namespace {

std::atomic<int> came = 0;  // the number of the signal
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int number) {
  came.store(number);
}

}  // namespace

Interruption::Interruption() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

bool Interruption::asked() {
  return came.load() != 0;
}

int Interruption::end(int code) {
  const int number = came.load();
  if (number == 0) return code;
  static_cast<void>(flush_output());
  raise(number);
  return code;
}

}  // namespace essaim::smtpd::cli
