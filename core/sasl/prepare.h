// SASLprep (RFC 4013): what names and passwords are before they are compared or hashed, so that the same password typed
// on two keyboards is the same. Of Unicode as libunistring knows it, not of version 3.2. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::sasl {

// Nothing for what is empty, no UTF-8, longer than kMaxPrepared octets, or holds what is prohibited (controls, private use,
// non-characters ...) or writing directions that do not go together.
inline constexpr std::size_t kMaxPrepared = 1'024;
std::optional<std::string> prepared(std::string_view text);

// Names of accounts: prepared, ASCII in lower case, no spaces, at most kMaxName octets.
inline constexpr std::size_t kMaxName = 255;
std::optional<std::string> prepared_name(std::string_view text);

}  // namespace essaim::sasl
