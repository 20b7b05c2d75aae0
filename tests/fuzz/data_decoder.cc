// What follows 354: the end is found at the same octet whatever the segments, what comes out of a message
// that is not spoiled has no bare CR or LF, and a message that we stuff comes out as it was.
#include "core/smtp/data_decoder.h"

#include "tests/fuzz/target.h"
#include "tests/support/wire_form.h"

using namespace essaim;

namespace {

struct Collected final : smtp::DataDecoder::Sink {
  void on_message_data(std::string_view bytes) override { text += bytes; }
  std::string text;
};

struct Outcome {
  std::string text;
  std::size_t used = 0;
  bool done = false, spoiled = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decoded(const fuzz::Pieces& pieces, smtp::BareLineEnds mode) {
  smtp::DataDecoder decoder(mode);
  Collected sink;
  Outcome out;
  for (const std::string_view piece : pieces) {
    if (decoder.done()) break;
    const std::size_t used = decoder.feed(piece, &sink);
    ESSAIM_CHECK(used <= piece.size() && (used == piece.size() || decoder.done()));
    out.used += used;
  }
  out.done = decoder.done();
  out.spoiled = decoder.spoiled();
  // The text of what is refused is of no use; where segments ended may show in it.
  if (!out.spoiled) out.text = std::move(sink.text);
  return out;
}

}  // namespace

ESSAIM_FUZZ_TARGET(data_decoder) {
  const unsigned choice = fuzz::take_choice(&data);
  for (const auto mode : {smtp::BareLineEnds::kRefuse, smtp::BareLineEnds::kNormalise}) {
    const Outcome expected = decoded(fuzz::whole(data), mode);
    ESSAIM_CHECK(decoded(fuzz::by_octet(data), mode) == expected);
    ESSAIM_CHECK(decoded(fuzz::at_random(data, choice), mode) == expected);
    // Only CRLF.CRLF ends it, or .CRLF at its very start, and the first one does.
    const std::size_t crlf_dot = data.find("\r\n.\r\n");
    const std::size_t end = data.starts_with(".\r\n")            ? 3
                            : crlf_dot == std::string_view::npos ? 0
                                                                 : crlf_dot + 5;
    ESSAIM_CHECK(expected.done == (end != 0));
    if (expected.done) ESSAIM_CHECK(expected.used == end);
    if (!expected.done || expected.spoiled) continue;
    ESSAIM_CHECK(!test::has_bare_line_ends(expected.text));
    ESSAIM_CHECK(expected.text.empty() || expected.text.ends_with("\r\n"));
    const std::string wire = test::dot_stuffed_message(expected.text);
    const Outcome again = decoded(fuzz::whole(wire), smtp::BareLineEnds::kRefuse);
    ESSAIM_CHECK(again.done && again.used == wire.size() && again.text == expected.text);
  }
}
