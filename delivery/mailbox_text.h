// Addresses as they go onto the wire: into RCPT and into the private header block. Nothing that comes out of
// here can end a line or a path, whatever the database holds. Pure; appends to the caller's buffer, without
// allocation for the common form.
#pragma once

#include <string>
#include <string_view>

namespace essaim::delivery {

// Appends local@domain, quoted where it must be (RFC 5321 §4.1.2). False and nothing appended when it cannot
// be sent at all: control characters, octets above 127 without `utf8` or no valid UTF-8 with it (RFC 6531
// §3.3), no domain, or longer than a path may be.
bool append_mailbox(std::string_view local, std::string_view domain, std::string* out, bool utf8 = false);

// Whether `text` may stand between the brackets of MAIL FROM:<>. "" may (the null reverse-path).
bool is_safe_reverse_path(std::string_view text, bool utf8 = false);

// Whether `text` may be the value of an ESMTP parameter in xtext (RFC 3461 §4): printable, without "=", and
// each "+" before two upper-case hexadecimal digits; not empty and at most `limit` octets.
bool is_safe_xtext(std::string_view text, std::size_t limit);

// Whether `block` is empty or consists of whole CRLF lines of which none begins with a dot and which have no
// bare CR, bare LF or NUL (RFC 5321 §2.3.8, §4.5.2).
bool is_safe_header_block(std::string_view block);

}  // namespace essaim::delivery
