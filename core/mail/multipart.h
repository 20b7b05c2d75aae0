// Where the parts of a multipart body lie (RFC 2046 §5.1), by byte, so that everything else can stay as it
// is. One level; linear time.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace essaim::mail {

struct PartRange {
  std::size_t begin;  // after the CRLF of the delimiter line
  std::size_t end;    // before the CRLF that belongs to the next delimiter
};

struct Multipart {
  std::vector<PartRange> parts;
  std::size_t closing;  // where the "--boundary--" line begins
};

inline constexpr std::size_t kMaxParts = 10'000;

// Nothing if there is no part, no closing delimiter, more parts than the limit, or the boundary is empty or
// longer than 70 characters with 30 tolerated.
std::optional<Multipart> split_multipart(std::string_view body, std::string_view boundary,
                                         std::size_t max_parts = kMaxParts);

}  // namespace essaim::mail
