// Tells systemd how we are (sd_notify(3), in its own words), when it has asked to be told.
#pragma once

#include <string_view>

#include "core/base/clock.h"

namespace essaim::smtpd {

// "READY=1", "STOPPING=1", "WATCHDOG=1" ... Does nothing without $NOTIFY_SOCKET.
void notify_manager(std::string_view state);
// As RELOADING=1 wants it: with the monotonic time.
void notify_reloading();
// How often it wants to hear WATCHDOG=1; zero: not at all.
Duration watchdog_interval();

}  // namespace essaim::smtpd
