// The pieces of RFC 5321 §4.1.2 that mailbox and path share: local part, domain, address literal. Each
// function reads at *pos, moves *pos behind what it took and gives null, or leaves *pos where the trouble is
// and says what it is. Linear; allocates no more than it reads.
//
//   Local-part      = Dot-string / Quoted-string
//   Dot-string      = Atom *("." Atom)
//   Quoted-string   = DQUOTE *QcontentSMTP DQUOTE
//   Domain          = sub-domain *("." sub-domain)         sub-domain = Let-dig [Ldh-str]
//   RFC 6531 §3.3: atext and QcontentSMTP =/ UTF8-non-ascii, sub-domain =/ U-label
//   address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtp::grammar {

bool is_atext(char c);
// With `utf8` an octet over 127 is atext and qtext (RFC 6531 §3.3); the whole text has passed is_utf8_text().
bool is_dot_string(std::string_view text, bool utf8 = false);
// Valid UTF-8 without the controls U+0080 to U+009F.
bool is_utf8_text(std::string_view text);

using Trouble = const char*;  // null: none

Trouble take_local_part(std::string_view text, std::size_t* pos, std::string* local, bool utf8 = false);
// Or an address literal. With `utf8`, U-labels are read too; the domain is then given with A-labels.
Trouble take_domain(std::string_view text, std::size_t* pos, std::string* domain, bool utf8 = false);

}  // namespace essaim::smtp::grammar
