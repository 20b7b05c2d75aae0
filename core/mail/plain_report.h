// Reads reports of failed delivery that are older than RFC 3464, or written past it: qmail's ("Hi. This is the qmail-send
// program", QSBMF), and those that name the recipients in X-Failed-Recipients, as Exim does beside whatever text its host gives
// it. They look like any other mail, so the caller asks only for what has the null reverse-path and is no DSN. Linear; at most
// 1,000 recipients, of the first 64 KB of the text. Pure functions.
#pragma once

#include "core/mail/dsn.h"

namespace essaim::mail {

// Nothing if it is none. All recipients have failed; a diagnostic is what the text says of one, or how the text begins.
std::optional<Dsn> parse_plain_report(std::string_view message);

// The first line that is not empty of what people read; at most 200 octets. "": there is none.
std::string first_words(std::string_view message);

}  // namespace essaim::mail
