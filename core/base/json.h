// JSON for output, in the order in which its members were set. Included by .cc files only: the library is long. Its functions are
// compiled here once, not in each file that uses them.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace essaim {

using Json = nlohmann::ordered_json;

// On one line. What is not UTF-8 is replaced.
std::string json_text(const Json& json);

}  // namespace essaim

extern template class nlohmann::basic_json<nlohmann::ordered_map>;
