#include "smtpd/daemon/reporter.h"

#include "core/base/log.h"
#include "lists/reports.h"

namespace essaim::smtpd {

void Reporter::soon() {
  if (waiting_.exchange(true)) return;
  // Refused at the end of the program: the job of the next start finds what is left.
  if (!thread_.submit([this] { run(); })) waiting_ = false;
}

void Reporter::stop() {
  thread_.stop();
}

void Reporter::run() {
  waiting_ = false;
  const auto done = lists::make_reports(services_);
  if (!done.ok()) log::warning("reports-delayed", {{"error", done.error().message}});
}

}  // namespace essaim::smtpd
