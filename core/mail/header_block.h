// The header of a message (RFC 5322 §2.2): THE one parser, for verification, change and signing alike, so
// that nobody ever disagrees about where the header ends or what a field is. Edits are textual: a field
// nobody touched leaves with exactly the bytes it came with.
//
// What is a header, here and everywhere in Essaim:
// - Lines end with CRLF. A bare CR, a bare LF or a NUL in a field is an error (readers disagree about them).
// - A field is `name *WSP ":" value CRLF *(WSP text CRLF)`; the name is printable ASCII without ":".
// Tolerated: white
//   space before the colon (RFC 5322 §4.5), empty values, 8-bit bytes in values, folded lines of only white
//   space.
// - The header ends at the first empty line, which belongs to neither side. A line that is no field and no
//   continuation ends the header too, and the body begins WITH that line, as RFC 5322 readers do; serialise()
//   then writes the missing empty line, so that those behind us read the same. So does an mbox "From " line.
// - A message that ends within its header has an empty body; a last line without CRLF is completed.
// - Larger than the limits: Error kInvalid; the session answers 552 or 554 5.6.0.
//
// A HeaderBlock owns copies of its fields, never the body: the body is message.substr(body_offset()). Values;
// not synchronised; pointers from find() live until the next change.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::mail {

struct HeaderLimits {
  std::size_t bytes = 256 * 1024;
  std::size_t fields = 2000;
};

class HeaderField {
 public:
  std::string_view name() const { return std::string_view(raw_).substr(0, name_length_); }
  // Name, colon, value with its folding, final CRLF.
  const std::string& raw() const { return raw_; }
  // Everything after the colon, with folding, without the final CRLF.
  std::string_view raw_value() const;
  // The value unfolded (RFC 5322 §2.2.3) and trimmed; not decoded.
  std::string value() const;
  bool is(std::string_view name) const;

 private:
  friend class HeaderBlock;
  HeaderField(std::string raw, std::size_t name_length, std::size_t colon)
      : raw_(std::move(raw)), name_length_(name_length), colon_(colon) {}

  std::string raw_;
  std::size_t name_length_;
  std::size_t colon_;
};

class HeaderBlock {
 public:
  HeaderBlock() = default;  // no fields: the start of a message that we compose

  static Result<HeaderBlock> parse(std::string_view message, const HeaderLimits& limits = {});

  const std::vector<HeaderField>& fields() const { return fields_; }
  std::size_t body_offset() const { return body_offset_; }
  // False if the header was ended by a line that is no field, or by the end of the message.
  bool ended_by_empty_line() const { return ended_by_empty_line_; }

  // Names are compared ignoring case.
  const HeaderField* find(std::string_view name) const;  // the first, or null
  std::vector<const HeaderField*> find_all(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  std::optional<std::string> value(std::string_view name) const;  // of the first: unfolded, trimmed

  // Each gives the number of fields removed.
  std::size_t remove(std::string_view name);
  std::size_t remove_if(const std::function<bool(const HeaderField&)>& predicate);

  // New fields are made by format_field and fail as it does; then nothing is changed.
  Result<void> insert_bottom(std::string_view name, std::string_view value);
  // Replaces the value of the first field of this name where it stands, keeps the spelling of its name and
  // removes the others of this name; without one, inserts at the bottom.
  Result<void> set(std::string_view name, std::string_view value);
  // One whole field as it is to be sent (already folded, with or without the final CRLF): Received,
  // DKIM-Signature.
  Result<void> insert_raw_top(std::string_view raw);

  // All fields and the empty line that ends the header.
  std::string serialise() const;
  // serialise() and `body` behind it.
  std::string joined_with(std::string_view body) const;

 private:
  Result<HeaderField> make(std::string_view name, std::string_view value) const;

  std::vector<HeaderField> fields_;
  std::size_t body_offset_ = 0;
  bool ended_by_empty_line_ = true;
};

// "Name: value CRLF", folded at white space so that lines stay within 78 characters where words allow it.
// Refused (kInvalid): a bad name, CR, LF or NUL in the value (injection), a word that makes a line longer
// than 998 octets.
Result<std::string> format_field(std::string_view name, std::string_view value);

// Removes each CRLF that is followed by white space, and stray CR and LF (a value taken apart by itself).
std::string unfolded(std::string_view raw_value);

}  // namespace essaim::mail
