// Settings of reports (reports.h), from the configuration. A value.
#pragma once

#include "core/base/clock.h"

namespace essaim::lists {

// Which reports there are beside those that senders ask for.
struct Reporting {
  Duration delay = std::chrono::hours(4);  // after which a sender learns that mail still waits; 0: never
  bool owners_to_postmaster = true;        // mail to list owners that failed
  bool lists_to_postmaster = true;         // failed posts to lists that nobody owns
  bool notices_to_postmaster = false;      // reports and other notices of ours that failed
};

}  // namespace essaim::lists
