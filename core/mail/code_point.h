// UTF-8 read character by character. Pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace essaim::mail {

// Takes the first character off `utf8`, which is valid and not empty.
inline std::uint32_t take_code_point(std::string_view* utf8) {
  const auto lead = static_cast<unsigned char>(utf8->front());
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  std::uint32_t point = length == 1 ? lead : lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length && i < utf8->size(); ++i)
    point = point << 6 | (static_cast<unsigned char>((*utf8)[i]) & 0x3f);
  utf8->remove_prefix(length < utf8->size() ? length : utf8->size());
  return point;
}

}  // namespace essaim::mail
