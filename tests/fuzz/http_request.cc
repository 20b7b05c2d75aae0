// Requests of HTTP clients: the same whatever the segments, bounded, and nothing in them that could end a line.
#include <algorithm>

#include "core/base/text.h"
#include "core/http/request_parser.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

constexpr http::RequestLimits kLimits{.line = 200, .header = 400, .fields = 8, .body = 300};

bool clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string requests(const fuzz::Pieces& pieces) {
  http::RequestParser parser(kLimits);
  std::string out;
  for (std::string_view piece : pieces) {
    for (;;) {
      const auto status = parser.feed(&piece);
      if (status == http::RequestParser::Status::kError) {
        ESSAIM_CHECK(parser.error_status() >= 400 && parser.error_status() < 600);
        return out + std::to_string(parser.error_status()) + parser.error_text();
      }
      if (status == http::RequestParser::Status::kNeedMore) break;
      const http::ServerRequest request = parser.take();
      ESSAIM_CHECK(request.path.starts_with("/") && clean(request.path) && is_valid_utf8(request.path));
      ESSAIM_CHECK(clean(request.query) && clean(request.method) && request.body.size() <= kLimits.body);
      ESSAIM_CHECK(request.fields.size() <= kLimits.fields);
      out += request.method + " " + request.path + "?" + request.query + "\n";
      for (const auto& f : request.fields) {
        ESSAIM_CHECK(clean(f.value) && !f.name.empty() && ascii_lowered(f.name) == f.name);
        out += f.name + ":" + f.value + "\n";
      }
      out += request.body + (request.keep_alive ? "k\n" : "c\n");
    }
    ESSAIM_CHECK(piece.empty());
  }
  return out + (parser.begun() ? "more" : "");
}

}  // namespace

ESSAIM_FUZZ_TARGET(http_request) {
  const unsigned choice = fuzz::take_choice(&data);
  const std::string expected = requests(fuzz::whole(data));
  ESSAIM_CHECK(requests(fuzz::by_octet(data)) == expected);
  ESSAIM_CHECK(requests(fuzz::at_random(data, choice)) == expected);
}
