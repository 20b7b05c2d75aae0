#include "core/smtp/chunk.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"

namespace essaim::smtp {

ChunkArgument parse_chunk_argument(std::string_view argument) {
  ChunkArgument out;
  const std::string_view digits = argument.substr(0, argument.find(' '));
  // 20 digits hold every 64-bit number; longer ones have no sender that means it.
  out.size_known = !digits.empty() && digits.size() <= 20 &&
                   std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!out.size_known) return out;
  out.size = parse_u64(digits).value_or(std::numeric_limits<std::uint64_t>::max());
  const std::string_view rest = trimmed(argument.substr(digits.size()));
  out.last = equals_ignoring_case(rest, "LAST");
  out.well_formed = rest.empty() || out.last;
  return out;
}

}  // namespace essaim::smtp
