// Footers on any message: the author's bytes stay, the words come once, and the result is read the same.
#include "core/mail/mime_footer.h"

#include <string>

#include "core/mail/content_type.h"
#include "core/mail/multipart.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

void check_kept(const HeaderBlock& header, std::string_view body, const Footer& footer,
                const FooterResult& result) {
  if (result.outcome == FooterOutcome::kWrapped) ESSAIM_CHECK(result.body.find(body) != std::string::npos);
  if (result.outcome != FooterOutcome::kPartAdded || footer.style != FooterStyle::kMime) return;
  // What stands before the first, and between, the parts is there in the same order.
  const auto parts = split_multipart(body, content_type_of(header).parameter("boundary"));
  ESSAIM_CHECK(parts.has_value());
  std::size_t at = 0;
  for (const PartRange& part : parts->parts) {
    const std::size_t found = result.body.find(body.substr(part.begin, part.end - part.begin), at);
    ESSAIM_CHECK(found != std::string::npos);
    at = found + (part.end - part.begin);
  }
}

void add(const HeaderBlock& header, std::string_view body, const Footer& footer) {
  HeaderBlock copy = header;
  const FooterResult once = add_footer(&copy, body, footer);
  if (!once.changed()) {
    ESSAIM_CHECK(once.body.empty() && copy.serialise() == header.serialise());
    return;
  }
  check_kept(header, body, footer, once);
  ESSAIM_CHECK(once.body.size() <= 4 * body.size() + 4'000);
  const std::string message = copy.joined_with(once.body);
  auto again = HeaderBlock::parse(message);
  ESSAIM_CHECK(again.ok() && again->serialise() == copy.serialise());
  const auto twice = add_footer(&*again, std::string_view(message).substr(again->body_offset()), footer);
  ESSAIM_CHECK(twice.outcome == FooterOutcome::kAlreadyThere);
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(mime_footer) {
  const auto header = HeaderBlock::parse(data);
  if (!header.ok()) return;
  const std::string_view body = data.substr(header->body_offset());
  for (const FooterPlace place : {FooterPlace::kFooter, FooterPlace::kHeader}) {
    for (const FooterStyle style : {FooterStyle::kText, FooterStyle::kMime}) {
      add(*header, body,
          {.text = "words \xc3\xa9\n", .html = "<p>words \xc3\xa9</p>", .place = place, .style = style});
      add(*header, body, {.text = "plain words\n", .place = place, .style = style});
    }
  }
}
