// The PROXY header: the same whatever the segments, bounded, and nothing behind it is taken.
#include "core/net/proxy_header.h"

#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

std::string outcome(const fuzz::Pieces& pieces, std::string_view data) {
  net::ProxyHeaderParser parser;
  std::size_t taken = 0;
  for (std::string_view piece : pieces) {
    const std::size_t before = piece.size();
    const auto status = parser.feed(&piece);
    taken += before - piece.size();
    if (status == net::ProxyHeaderParser::Status::kNeedMore) {
      ESSAIM_CHECK(piece.empty() && taken < net::ProxyHeaderParser::kMaxV2);
      continue;
    }
    if (status == net::ProxyHeaderParser::Status::kError) return "error " + parser.error().message;
    const net::ProxyHeader& header = parser.header();
    ESSAIM_CHECK(header.local != header.source.valid() &&
                 header.source.valid() == header.destination.valid());
    ESSAIM_CHECK(header.version == 2 || (taken <= net::ProxyHeaderParser::kMaxV1 && data[taken - 1] == '\n'));
    return std::to_string(taken) + (header.local ? " local" : " " + header.source.to_string()) + " " +
           header.destination.to_string();
  }
  return "more";
}

}  // namespace

ESSAIM_FUZZ_TARGET(proxy_header) {
  const unsigned choice = fuzz::take_choice(&data);
  const std::string expected = outcome(fuzz::whole(data), data);
  ESSAIM_CHECK(outcome(fuzz::by_octet(data), data) == expected);
  ESSAIM_CHECK(outcome(fuzz::at_random(data, choice), data) == expected);
}
