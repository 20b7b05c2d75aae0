// How `essaim top` looks: a snapshot of the server, and the one before it for the rates, as lines of text. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace essaim::smtpd::cli {

// The snapshot with "rates" added: per second, since `before` (JSON texts of the server). Without `before`, or when
// the server was started anew in between, there are none. kInvalid if it is not such a text.
Result<std::string> with_rates(const std::string& now, const std::string& before, double seconds);

// Lines for a window of that size; 0 for no limit. Everything that others wrote is escaped.
std::vector<std::string> render_top(const std::string& snapshot, int columns, int rows);

}  // namespace essaim::smtpd::cli
