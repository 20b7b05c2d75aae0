// A rendering of a message in ASCII, for servers without 8BITMIME or SMTPUTF8 (RFC 6152 §3, RFC 6531 §3.2).
// Made once for a message, not once for a recipient.
//
// - A leaf with octets above 127 is encoded: text in quoted-printable or base64, whichever is shorter, the
// rest in
//   base64. Its content stays what it was. Everything that is ASCII stays byte for byte.
// - multipart and message/rfc822 must not be encoded (RFC 2045 §6.4): what is in them is.
// - Header fields in UTF-8 get encoded words (RFC 2047), names of files RFC 2231. Fields in which neither may
// stand
//   (Message-ID, Received ...) are kept under the name Downgraded-* (RFC 6857 §3.1.10).
// - Domains of addresses get A-labels.
// - Not possible: octets above 127 in a signed part, whose bytes are what was signed; in the local part of an
//   address (RFC 6531: only SMTPUTF8 carries it); in MIME that is broken, for nobody knows what its reader
//   would see; deeper than 20 levels.
// Pure function, linear time. DKIM signatures over what was changed do not hold any more: sign the rendering.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::mail {

struct Downgraded {
  enum class Outcome { kNotNeeded, kDone, kNotPossible };
  Outcome outcome = Outcome::kNotPossible;
  std::string message;   // if kDone
  const char* why = "";  // if kNotPossible, for logs and reports
};

Downgraded downgraded_to_7bit(std::string_view message);

// The same for lines of more than 998 octets, which RFC 5322 §2.1.1 forbids, web programs send, and servers refuse (Exim) or
// cut (Postfix): a leaf with one is encoded, base64 with one is written anew. What cannot be changed stays as it is:
// signed and encrypted parts, fields of headers, MIME that is broken. Nothing: there is no such line.
bool has_long_line(std::string_view text);
std::optional<std::string> with_short_lines(std::string_view message);

}  // namespace essaim::mail
