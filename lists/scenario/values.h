// What operands give for a question. Internal to lists/scenario.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lists/scenario/decide.h"

namespace essaim::lists::scenario {

// The texts of an operand: one, or one for each field or part; nothing: not known.
using Values = std::optional<std::vector<std::string>>;
Result<Values> values_of(const Operand& operand, const Question& question, Lookups& lookups);

// Seconds since 1970 of "1795000000", "2026y11m22d", "2026-11-22", "2026/11/22".
std::optional<std::int64_t> time_of(std::string_view text);

}  // namespace essaim::lists::scenario
