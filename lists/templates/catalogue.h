// Translations, from gettext catalogues that are compiled into the program: lists/templates/po/LANGUAGE.po. Translators
// work with the usual tools; contrib/translations brings the files up to date. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::lists {

// "en", "fr"
const std::vector<std::string>& languages();
bool is_language(std::string_view language);
// The nearest of ours to "fr-CA,en;q=0.5", "fr_FR" ...; "" for none.
std::string language_of(std::string_view wanted);

// The text itself where it is not translated. Views live as long as the program.
std::string_view translated(std::string_view language, std::string_view english);

}  // namespace essaim::lists
