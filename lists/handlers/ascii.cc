// Fields of the header that the list has written from the author's, in ASCII.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/downgrade_field.h"
#include "core/mailauth/canonical.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

bool is_raw_utf8(const mail::HeaderField& field) {
  return !is_ascii(field.raw()) && is_valid_utf8(field.raw());
}

// What else the list adds is in ASCII as it is made.
bool may_be_ours(const mail::HeaderField& field) {
  static constexpr std::array<std::string_view, 6> kNames{"Subject", "From",     "To",
                                                          "Cc",      "Reply-To", "Original-From"};
  return is_raw_utf8(field) && std::any_of(kNames.begin(), kNames.end(),
                                           [&field](std::string_view name) { return field.is(name); });
}

// As most signatures cover it: other white space leaves them whole.
std::string canonical(const mail::HeaderField& field) {
  std::string out;
  mailauth::append_canonical_field(field.raw(), mailauth::Canonicalization::kRelaxed, &out);
  return out;
}

// Its parameters would be written anew as we read them. As they came, programs that are more generous show more of them (a
// name of a file with spaces and without quotes).
bool is_badly_written(const mail::HeaderField& field) {
  if (field.is("Content-Type")) return !mail::parse_content_type(field.value()).whole;
  return field.is("Content-Disposition") && !mail::parse_content_type("x/" + field.value()).whole;
}

// Nothing: an address in it cannot be said so, or no encoded word may stand there (Message-ID, Received ...).
std::optional<std::string> in_ascii(const mail::HeaderField& field) {
  if (is_badly_written(field)) return std::nullopt;
  auto ascii = mail::downgraded_field(field);
  if (ascii && !ascii->starts_with(std::string(field.name()) + ":")) ascii.reset();
  return ascii;
}

}  // namespace

// UTF-8 may stand in a header only where SMTPUTF8 was said (RFC 6532 §3); some programs show letters of another charset for
// it. What the author wrote without stays where a signature holds that may cover it; that does not cover what is written
// anew. Octets of other charsets stay in any case: which one it is nobody says, and readers of that language may guess it.
Result<void> ascii_fields(Draft& draft) {
  if (draft.submission.smtputf8) return {};
  // Around a message that is wrapped all is ours, and no signature of an author stays who is hidden.
  const bool spared =
      draft.treatment != Treatment::kWrap && !draft.hidden &&
      (is_well_signed(draft) || draft.incoming.header.find("ARC-Message-Signature") != nullptr);
  std::unordered_set<std::string> authors;
  if (spared) {
    for (const mail::HeaderField& field : draft.incoming.header.fields())
      if (may_be_ours(field)) authors.insert(canonical(field));
  }
  std::string text;
  bool changed = false;
  for (const mail::HeaderField& field : draft.header.fields()) {
    const bool wanted =
        spared ? may_be_ours(field) && !authors.contains(canonical(field)) : is_raw_utf8(field);
    std::optional<std::string> ascii;
    if (wanted) ascii = in_ascii(field);
    text += ascii ? *ascii : field.raw();
    changed = changed || ascii.has_value();
  }
  if (!changed) return {};
  auto header = mail::HeaderBlock::parse(text + "\r\n");
  if (header.ok()) draft.header = *std::move(header);  // else it has become too large, and stays
  return {};
}

// RFC 6409 §8, RFC 6531 §3.2: of our own people's mail, which nobody else has signed. What others send goes on as it came.
Result<void> ascii_submitted(Draft& draft) {
  return draft.submission.login ? ascii_fields(draft) : Result<void>{};
}

}  // namespace essaim::lists::handlers
