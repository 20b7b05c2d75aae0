// /metrics: what the process has counted, and how the node is. Names, types and words stand in metrics.cc and nowhere
// else; docs/monitoring.md has all of them, and a test compares.
//
// Labels have few values, all of them ours or of the configuration: no list, no destination, no address ever is one.
#pragma once

#include <string>
#include <vector>

#include "smtpd/daemon/statistics.h"
#include "smtpd/status/loop_lag.h"
#include "smtpd/status/prometheus_text.h"

namespace essaim::smtpd {

// `snapshot` null: nothing serves now, and only what the process counts is told. `ready`: what /readyz says.
std::string metrics_text(const Snapshot* snapshot, bool ready, const std::vector<LoopLag::Measured>& lag);

}  // namespace essaim::smtpd
