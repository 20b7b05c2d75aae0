// What operands give for a question. Internal to lists/scenario.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "lists/scenario/decide.h"

namespace essaim::lists::scenario {

// The texts of an operand: one, or one for each field or part; nothing: not known.
using Values = std::optional<std::vector<std::string>>;
Result<Values> values_of(const Operand& operand, const Question& question, Lookups& lookups);

// Seconds since 1970 of "1795000000", "2026y11m22d", "2026-11-22", "2026/11/22", "execution_date" (now), and of each with
// "+" or "-" and a duration behind it: "execution_date-3m", "1795000000+1y2m3w4d5h6min7sec".
std::optional<std::int64_t> time_of(std::string_view text, WallTime now);

}  // namespace essaim::lists::scenario
