// Names of people, as members, owners and editors have them beside their addresses. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace essaim::lists {

inline constexpr std::size_t kMaxPersonName = 200;  // octets

// The first `limit` octets, but no part of a character.
std::string_view cut_to(std::string_view text, std::size_t limit);

// What can stand in a line with the address and be read again (member_lines.cc): UTF-8 without control characters, no longer
// than kMaxPersonName, with ( and ) for < and >. Of what is clean it changes nothing.
std::string clean_name(std::string_view name);

}  // namespace essaim::lists
