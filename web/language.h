// The language of a page: the one of ours that the browser wants most (RFC 9110 §12.5.4). Pure.
#pragma once

#include <string>
#include <string_view>

namespace essaim::web {

// "fr" for "de, fr-CA;q=0.8, en;q=0.5"; "en" where nothing is wanted that we have.
std::string language_for(std::string_view accept_language);

}  // namespace essaim::web
