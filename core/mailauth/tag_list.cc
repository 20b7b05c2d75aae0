#include "core/mailauth/tag_list.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_name(std::string_view name) {
  const auto alpha = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.empty() || name.size() > 64 || !alpha(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return alpha(c) || (c >= '0' && c <= '9') || c == '_'; });
}

// VALCHAR and folding; octets above 127 are UTF-8 of RFC 8616.
bool is_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return is_white(c) || (octet >= 0x21 && octet != 0x7f);
  });
}

}  // namespace

Result<TagList> TagList::parse(std::string_view text) {
  TagList list;
  const std::vector<std::string_view> parts = split(text, ';');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = trimmed(parts[i]);
    if (part.empty()) {
      if (i + 1 == parts.size()) break;
      return Error{ErrorCode::kInvalid, "an empty tag"};
    }
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos)
      return Error{ErrorCode::kInvalid, "a tag without '=': " + escaped_for_display(part, 40)};
    const Tag tag{trimmed(part.substr(0, equals)), trimmed(part.substr(equals + 1))};
    if (!is_name(tag.name))
      return Error{ErrorCode::kInvalid, "no tag name: " + escaped_for_display(tag.name, 40)};
    if (!is_value(tag.value))
      return Error{ErrorCode::kInvalid, "octets that may not be in tag " + std::string(tag.name)};
    if (list.find(tag.name)) return Error{ErrorCode::kInvalid, "tag " + std::string(tag.name) + " twice"};
    if (list.tags_.size() == kMaxTags) return Error{ErrorCode::kInvalid, "too many tags"};
    list.tags_.push_back(tag);
  }
  return list;
}

std::optional<std::string_view> TagList::find(std::string_view name) const {
  for (const Tag& tag : tags_) {
    if (tag.name == name) return tag.value;
  }
  return std::nullopt;
}

std::string without_white_space(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  std::remove_copy_if(value.begin(), value.end(), std::back_inserter(out), is_white);
  return out;
}

std::vector<std::string> list_value(std::string_view value, char separator) {
  std::vector<std::string> out;
  for (const std::string_view part : split(value, separator)) {
    if (std::string text = without_white_space(part); !text.empty()) out.push_back(std::move(text));
  }
  return out;
}

std::optional<std::string> folded_base64_decoded(std::string_view value) {
  return base64_decoded(without_white_space(value));
}

}  // namespace essaim::mailauth
