#include "web/language.h"

#include "core/base/text.h"
#include "lists/templates/catalogue.h"

namespace essaim::web {
namespace {

// "0.8" is 800, "1" is 1000; what is no such number is 0.
int thousandths(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  int value = (text[0] - '0') * 1000;
  if (text.size() == 1) return value;
  if (text[1] != '.') return 0;
  int unit = 100;
  for (const char c : text.substr(2)) {
    if (c < '0' || c > '9') return 0;
    value += (c - '0') * unit;
    unit /= 10;
  }
  return value > 1000 ? 0 : value;
}

}  // namespace

std::string language_for(std::string_view accept_language) {
  std::string best = "en";
  int most = 0;
  for (const std::string_view one : split(accept_language.substr(0, 400), ',')) {
    const std::size_t semicolon = one.find(';');
    int quality = 1000;
    if (semicolon != std::string_view::npos) {
      const std::string_view parameter = trimmed(one.substr(semicolon + 1));
      quality =
          parameter.starts_with("q=") || parameter.starts_with("Q=") ? thousandths(parameter.substr(2)) : 0;
    }
    const std::string_view tag = trimmed(one.substr(0, semicolon));
    const std::string language = ascii_lowered(tag.substr(0, tag.find('-')));
    if (quality <= most || !lists::is_language(language)) continue;
    best = language;
    most = quality;
  }
  return best;
}

}  // namespace essaim::web
