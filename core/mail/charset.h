// Character sets of messages, by iconv. Pure functions; an unknown charset is an answer, not an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::mail {

// Nothing if a charset is unknown, or the text has bytes it does not know, or characters the other cannot
// say. `from` is read as mail programs mean it (gb2312 is GB18030, iso-8859-1 Windows-1252, ISO-2022-JP has what NEC and IBM
// added), `to` is taken at its word.
std::optional<std::string> converted(std::string_view text, std::string_view from, std::string_view to);

// Valid UTF-8 in every case: UTF-8 stays, anything else is read as Windows-1252, what is left becomes U+FFFD.
std::string as_utf8(std::string_view bytes);

// Every CR goes, and every LF becomes CRLF.
std::string with_crlf(std::string_view text);

}  // namespace essaim::mail
