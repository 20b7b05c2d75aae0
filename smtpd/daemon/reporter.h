// Makes reports as soon as there is something to report, beside the job that looks every minute. Thread-safe; one run
// at a time on a thread of its own. The services outlive it; its destructor waits for the run under way.
#pragma once

#include <atomic>

#include "core/base/executor.h"
#include "lists/services.h"

namespace essaim::smtpd {

class Reporter {
 public:
  explicit Reporter(const lists::Services& services) : services_(services), thread_("reports", 1) {}
  void soon();  // calls that come while one waits are that one
  void stop();  // waits; what is asked for later is left to the job of the next start

 private:
  void run();

  const lists::Services& services_;
  std::atomic<bool> waiting_{false};
  Executor thread_;  // last: it ends first
};

}  // namespace essaim::smtpd
