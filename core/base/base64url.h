// Base 64 for URLs (RFC 4648 §5), without padding. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim {

std::string base64url_encoded(std::string_view bytes);
// Strict: no padding, no other characters, and the one form that base64url_encoded() gives.
std::optional<std::string> base64url_decoded(std::string_view text);

}  // namespace essaim
