// "key=value" arguments, as `list set` and others take them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace essaim::smtpd::cli {

inline Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> out;
  for (const std::string& argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{ErrorCode::kInvalid, "\"" + argument + "\" is not key=value; as in subject_tag=[bees]"};
    if (!out.emplace(argument.substr(0, equals), argument.substr(equals + 1)).second)
      return Error{ErrorCode::kInvalid, "\"" + argument.substr(0, equals) + "\" is there twice"};
  }
  return out;
}

// For `set`: "key=" takes the setting back to its default, "key=-" makes the text empty.
inline std::map<std::string, std::optional<std::string>> as_changes(
    const std::map<std::string, std::string>& pairs) {
  std::map<std::string, std::optional<std::string>> out;
  for (const auto& [key, value] : pairs) {
    if (value.empty())
      out[key] = std::nullopt;
    else
      out[key] = value == "-" ? "" : value;
  }
  return out;
}

}  // namespace essaim::smtpd::cli
