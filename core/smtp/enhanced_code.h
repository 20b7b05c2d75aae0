// Enhanced status codes as text (RFC 3463 §2, RFC 2034): "5.1.1". Pure functions.
//
//   status-code = ("2" / "4" / "5") "." 1*3DIGIT "." 1*3DIGIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/smtp/reply.h"

namespace essaim::smtp {

// Reads a code at the beginning of `text`; what follows must be a space or the end. *used gets its length.
std::optional<EnhancedCode> parse_enhanced_code(std::string_view text, std::size_t* used);
std::string to_string(const EnhancedCode& code);

}  // namespace essaim::smtp
