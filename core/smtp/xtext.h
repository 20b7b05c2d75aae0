// xtext (RFC 3461 §4), the encoding of parameter values. Pure functions, linear.
//
//   xtext   = *( xchar / hexchar )
//   xchar   = any CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
//   hexchar = "+" followed by two hexadecimal digits, upper case only
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::smtp {

// Strict; what decodes to a control character is refused too, since no value that we know may hold one.
std::optional<std::string> xtext_decoded(std::string_view text);
std::string xtext_encoded(std::string_view bytes);
int hex_value(char c);  // of a digit as they have it, in upper case; -1: it is none

}  // namespace essaim::smtp
