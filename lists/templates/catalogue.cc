#include "lists/templates/catalogue.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <unordered_map>

#include "core/base/check.h"
#include "core/base/text.h"
#include "lists/templates/compiled.h"

namespace essaim::lists {
namespace {

using Catalogue = std::unordered_map<std::string_view, std::string_view>;

// The format of compiled catalogues: GNU gettext manual, "The Format of GNU MO Files". Ours are made by our own build
// for our own machine, so damage is a broken invariant.
Catalogue read_catalogue(std::string_view bytes) {
  const auto word = [bytes](std::size_t at) {
    ESSAIM_CHECK(at + 4 <= bytes.size());
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, 4);
    return value;
  };
  const auto text = [&](std::size_t entry) {
    const std::uint32_t length = word(entry), offset = word(entry + 4);
    ESSAIM_CHECK(std::size_t{offset} + length <= bytes.size());
    return bytes.substr(offset, length);
  };
  ESSAIM_CHECK(word(0) == 0x950412DE);
  const std::uint32_t count = word(8), originals = word(12), translations = word(16);
  Catalogue out;
  for (std::size_t i = 0; i < count; ++i) {
    const auto translation = text(translations + 8 * i);
    if (!translation.empty()) out.emplace(text(originals + 8 * i), translation);
  }
  return out;
}

const std::unordered_map<std::string, Catalogue>& catalogues() {
  static const auto all = [] {
    std::unordered_map<std::string, Catalogue> out;
    for (const CompiledCatalogue& one : compiled_catalogues())
      out.emplace(one.language, read_catalogue(one.bytes));
    return out;
  }();
  return all;
}

}  // namespace

const std::vector<std::string>& languages() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out = {"en"};
    for (const CompiledCatalogue& one : compiled_catalogues()) out.emplace_back(one.language);
    return out;
  }();
  return all;
}

bool is_language(std::string_view language) {
  return std::find(languages().begin(), languages().end(), language) != languages().end();
}

std::string language_of(std::string_view wanted) {
  for (const std::string_view one : split(wanted.substr(0, 200), ',')) {
    const std::string_view tag = trimmed(one.substr(0, one.find(';')));
    std::string language = ascii_lowered(tag.substr(0, tag.find_first_of("-_.")));
    if (is_language(language)) return language;
  }
  return "";
}

std::string_view translated(std::string_view language, std::string_view english) {
  const auto catalogue = catalogues().find(std::string(language));
  if (catalogue == catalogues().end()) return english;
  const auto found = catalogue->second.find(english);
  return found == catalogue->second.end() ? english : found->second;
}

}  // namespace essaim::lists
