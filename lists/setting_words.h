// How the texts of settings are taken apart, for whoever checks them and whoever reads them. Pure. Internal to lists/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lists/settings.h"

namespace essaim::lists {

std::vector<std::string_view> lines_of(std::string_view text);  // trimmed, without empty ones
std::vector<std::string> names_of(std::string_view text);       // between white space and commas
std::optional<Treatment> treatment_of(std::string_view word);
// "example.org=wrap", "ann@example.com=keep": whom, and what; nothing: it is no exception.
std::optional<AuthorException> exception_of(std::string_view text);
// What is wrong with it, "" if nothing: the check of settings that name one. Whether there is such a scenario is seen where the
// database is at hand (admin.cc).
std::string check_scenario_name(const std::string& value);

}  // namespace essaim::lists
