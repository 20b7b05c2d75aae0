// Small operations on ASCII text, independent of the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace essaim {

char ascii_lower(char c);
std::string ascii_lowered(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
std::string_view trimmed(std::string_view text);  // spaces, tabs, CR and LF at both ends
std::vector<std::string_view> split(std::string_view text, char separator);
void replace_all(std::string* text, std::string_view from, std::string_view to);
std::string joined(const std::vector<std::string>& texts, std::string_view between = ", ");

// Decimal digits only, no sign, no overflow.
std::optional<std::uint64_t> parse_u64(std::string_view text);

// For logs, reports and terminals: control characters, DEL, invalid UTF-8 and direction marks become \xHH or
// \u{HHHH}; at most `limit` bytes of the input are shown, then "...".
std::string escaped_for_display(std::string_view text, std::size_t limit = 1024);
// An amount of bytes for readers of any language: "145 B", "3.4 kB", "52 MB".
std::string bytes_for_display(double bytes);

bool is_valid_utf8(std::string_view text);
bool is_ascii(std::string_view text);
// The first character that shows nothing, or nothing of its own: controls, spaces other than U+0020, format characters, fillers,
// private ones. Joiners (U+200C, U+200D) belong to the writing of some languages, behind characters that are not ASCII.
std::optional<char32_t> first_invisible(std::string_view text);

// The candidate with the smallest edit distance, if near enough to be what was meant; else empty.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace essaim
