// Messages in 7 bit: ASCII, read the same, and not changed again; messages with short lines.
#include "core/mail/downgrade.h"

#include "core/base/text.h"
#include "core/mail/header_block.h"
#include "tests/fuzz/target.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::mail;

namespace {

void shorten(std::string_view data) {
  const auto shorter = with_short_lines(data);
  ESSAIM_CHECK(shorter.has_value() == has_long_line(data));
  if (!shorter) return;
  ESSAIM_CHECK(shorter->size() <= 20 * data.size() + 2'000);
  ESSAIM_CHECK(test::has_bare_line_ends(data) || !test::has_bare_line_ends(*shorter));
  ESSAIM_CHECK(!is_ascii(data) || is_ascii(*shorter));
}

}  // namespace

ESSAIM_FUZZ_MESSAGES(downgrade) {
  shorten(data);
  const Downgraded result = downgraded_to_7bit(data);
  if (result.outcome == Downgraded::Outcome::kNotNeeded) ESSAIM_CHECK(is_ascii(data));
  if (result.outcome == Downgraded::Outcome::kNotPossible) ESSAIM_CHECK(*result.why != '\0');
  if (result.outcome != Downgraded::Outcome::kDone) return;
  // NUL is no text in 7 bit either.
  ESSAIM_CHECK(!is_ascii(data) || data.find('\0') != std::string_view::npos);
  ESSAIM_CHECK(is_ascii(result.message));
  ESSAIM_CHECK(result.message.size() <= 20 * data.size() + 2'000);
  ESSAIM_CHECK(test::has_bare_line_ends(data) || !test::has_bare_line_ends(result.message));
  ESSAIM_CHECK(downgraded_to_7bit(result.message).outcome == Downgraded::Outcome::kNotNeeded);
  const auto before = HeaderBlock::parse(data), after = HeaderBlock::parse(result.message);
  ESSAIM_CHECK(before.ok());
  if (!after.ok()) return;  // beyond the limit of a header; it was near it before
  ESSAIM_CHECK(after->fields().size() >= before->fields().size());
}
