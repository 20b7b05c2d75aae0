#include "delivery/client/capabilities.h"

#include "core/base/text.h"

namespace essaim::delivery {
namespace {

// ehlo-line = ehlo-keyword *( SP ehlo-param )
void take_line(std::string_view line, Capabilities* out) {
  const std::size_t space = line.find(' ');
  const std::string_view keyword = trimmed(line.substr(0, space));
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view() : trimmed(line.substr(space));
  if (equals_ignoring_case(keyword, "PIPELINING")) out->pipelining = true;
  if (equals_ignoring_case(keyword, "8BITMIME")) out->eight_bit = true;
  if (equals_ignoring_case(keyword, "STARTTLS")) out->starttls = true;
  if (equals_ignoring_case(keyword, "ENHANCEDSTATUSCODES")) out->enhanced_codes = true;
  if (equals_ignoring_case(keyword, "SIZE")) {
    out->size = true;
    // Tolerated: a value that is no number, as from servers that print a negative or overflowed limit; no
    // limit then.
    out->size_limit = parse_u64(rest.substr(0, rest.find(' '))).value_or(0);
  }
}

}  // namespace

Capabilities parse_capabilities(std::string_view text) {
  Capabilities out;
  std::size_t begin = text.find('\n');
  while (begin != std::string_view::npos) {
    const std::size_t end = text.find('\n', begin + 1);
    take_line(text.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1), &out);
    begin = end;
  }
  return out;
}

}  // namespace essaim::delivery
