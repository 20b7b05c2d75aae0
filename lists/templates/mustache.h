// Fills mustache templates (mustache(5)) for plain text, where nothing is escaped, and HTML; partials and lambdas there are none. A variable
// without a value, or with an empty one, is false to {{#sections}}. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::lists {

inline constexpr std::size_t kMaxTemplate = 64 * 1024;

// kInvalid: what is wrong with the template.
Result<std::string> fill(std::string_view text, const std::map<std::string, std::string>& values);
// Likewise, with values escaped for HTML.
Result<std::string> fill_html(std::string_view text, const std::map<std::string, std::string>& values);

// kInvalid: it cannot be read, or uses a variable that is none of `known`.
Result<void> check_template(std::string_view text, const std::vector<std::string>& known);

}  // namespace essaim::lists
