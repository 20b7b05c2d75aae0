// The pieces of RFC 5321 §4.1.2 that mailbox and path share: local part, domain, address literal. Each
// function reads at *pos, moves *pos behind what it took and gives null, or leaves *pos where the trouble is
// and says what it is. Internal to core/smtp. Linear; allocates no more than it reads.
//
//   Local-part      = Dot-string / Quoted-string
//   Dot-string      = Atom *("." Atom)
//   Quoted-string   = DQUOTE *QcontentSMTP DQUOTE
//   Domain          = sub-domain *("." sub-domain)         sub-domain = Let-dig [Ldh-str]
//   address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"
#pragma once

#include <string>
#include <string_view>

namespace essaim::smtp::grammar {

bool is_atext(char c);
bool is_dot_string(std::string_view text);

using Trouble = const char*;  // null: none

Trouble take_local_part(std::string_view text, std::size_t* pos, std::string* local);
Trouble take_domain(std::string_view text, std::size_t* pos, std::string* domain);  // or an address literal

}  // namespace essaim::smtp::grammar
