#include "core/sasl/prepare.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "core/base/text.h"

namespace essaim::sasl {
namespace {

using Freed = std::unique_ptr<void, decltype(&std::free)>;

// RFC 3454 table B.1: commonly mapped to nothing.
bool is_dropped(ucs4_t c) {
  return c == 0x00AD || c == 0x034F || c == 0x1806 || (c >= 0x180B && c <= 0x180D) ||
         (c >= 0x200B && c <= 0x200D) || c == 0x2060 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF;
}

// Table C.1.2
bool is_other_space(ucs4_t c) {
  return c != ' ' && uc_is_general_category(c, UC_SPACE_SEPARATOR);
}

// Tables C.2 to C.9.
bool is_prohibited(ucs4_t c) {
  return uc_is_general_category(c, UC_CONTROL) || uc_is_general_category(c, UC_PRIVATE_USE) ||
         uc_is_general_category(c, UC_SURROGATE) || uc_is_general_category(c, UC_UNASSIGNED) ||
         uc_is_general_category(c, UC_LINE_SEPARATOR) || uc_is_general_category(c, UC_PARAGRAPH_SEPARATOR) ||
         (c >= 0xFFF9 && c <= 0xFFFD) || (c >= 0x2FF0 && c <= 0x2FFB) || c == 0x0340 || c == 0x0341 ||
         c == 0x06DD || c == 0x070F || (c >= 0x200E && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2061 && c <= 0x2063) || (c >= 0x206A && c <= 0x206F) || (c >= 0xE0000 && c <= 0xE007F);
}

bool is_right_to_left(ucs4_t c) {
  const int bidi = uc_bidi_class(c);
  return bidi == UC_BIDI_R || bidi == UC_BIDI_AL;
}

// RFC 3454 §6
bool directions_fit(const std::vector<ucs4_t>& text) {
  if (std::none_of(text.begin(), text.end(), is_right_to_left)) return true;
  const bool left =
      std::any_of(text.begin(), text.end(), [](ucs4_t c) { return uc_bidi_class(c) == UC_BIDI_L; });
  return !left && is_right_to_left(text.front()) && is_right_to_left(text.back());
}

}  // namespace

std::optional<std::string> prepared(std::string_view text) {
  if (text.empty() || text.size() > kMaxPrepared || !is_valid_utf8(text)) return std::nullopt;
  if (is_ascii(text)) {
    const bool control = std::any_of(text.begin(), text.end(), [](char c) { return c < 32 || c == 127; });
    if (control) return std::nullopt;
    return std::string(text);
  }
  std::size_t length = 0;
  const Freed points(
      u8_to_u32(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr, &length),
      std::free);
  if (points == nullptr) return std::nullopt;
  const auto* const begin = static_cast<const ucs4_t*>(points.get());
  std::vector<ucs4_t> mapped;
  for (const ucs4_t* c = begin; c != begin + length; ++c) {
    if (!is_dropped(*c)) mapped.push_back(is_other_space(*c) ? ' ' : *c);
  }
  if (mapped.empty()) return std::nullopt;
  std::size_t normal_length = 0;
  const Freed normal(u32_normalize(UNINORM_NFKC, mapped.data(), mapped.size(), nullptr, &normal_length),
                     std::free);
  if (normal == nullptr) return std::nullopt;
  const auto* const first = static_cast<const ucs4_t*>(normal.get());
  const std::vector<ucs4_t> result(first, first + normal_length);
  if (std::any_of(result.begin(), result.end(), is_prohibited) || !directions_fit(result))
    return std::nullopt;
  std::size_t octets = 0;
  const Freed utf8(u32_to_u8(result.data(), result.size(), nullptr, &octets), std::free);
  if (utf8 == nullptr) return std::nullopt;
  return std::string(static_cast<const char*>(utf8.get()), octets);
}

std::optional<std::string> prepared_name(std::string_view text) {
  auto name = prepared(text);
  if (!name || name->size() > kMaxName || name->find(' ') != std::string::npos) return std::nullopt;
  return ascii_lowered(*name);
}

}  // namespace essaim::sasl
