// Content-Type (RFC 2045 §5) with its parameters, read tolerantly, also those cut and encoded by RFC 2231.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/mail/header_block.h"

namespace essaim::mail {

struct ContentType {
  std::string type = "text";                      // lower case
  std::string subtype = "plain";                  // lower case
  std::map<std::string, std::string> parameters;  // names in lower case; the first of a name wins
  bool present =
      false;          // false: the default of RFC 2045 §5.2, because the field is missing or makes no sense
  bool valid = true;  // false: there is a field, and it makes no sense
  // False: not all of its text is in what stands above. Readers of what is badly written may make something else of it.
  bool whole = true;

  bool is(std::string_view wanted_type, std::string_view wanted_subtype) const {
    return type == wanted_type && subtype == wanted_subtype;
  }
  std::string parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  }
};

inline constexpr std::size_t kMaxParameters = 100;  // further ones are not looked at

ContentType parse_content_type(std::string_view value);
ContentType content_type_of(const HeaderBlock& header);

}  // namespace essaim::mail
