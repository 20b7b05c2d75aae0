#include "lists/person_name.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::lists {
namespace {

// The character at the beginning; an octet that begins none is one.
std::string_view first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  const std::string_view character = text.substr(0, length);
  return is_valid_utf8(character) ? character : text.substr(0, 1);
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;  // U+0080 to U+009F
}

std::string_view cleaned(std::string_view character) {
  if (is_control(character)) return " ";
  if (character == "<") return "(";
  if (character == ">") return ")";
  return is_valid_utf8(character) ? character : "?";
}

}  // namespace

std::string_view cut_to(std::string_view text, std::size_t limit) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t next = end + first_character(text.substr(end)).size();
    if (next > limit) break;
    end = next;
  }
  return text.substr(0, end);
}

std::string clean_name(std::string_view name) {
  name = cut_to(name, kMaxPersonName);
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](char c) { return c >= ' ' && c < 0x7F && c != '<' && c != '>'; });
  if (plain) return std::string(name);
  std::string out;
  while (!name.empty()) {
    const std::string_view character = first_character(name);
    out += cleaned(character);
    name.remove_prefix(character.size());
  }
  return out;
}

}  // namespace essaim::lists
