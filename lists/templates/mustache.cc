#include "lists/templates/mustache.h"

#include <algorithm>
#include <functional>

#include <kainjow/mustache.hpp>

#include "core/base/text.h"

namespace essaim::lists {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

// Of sections in sections: the library reads, fills and forgets them by recursion.
constexpr int kMaxDepth = 20;

// What stands in the tags of a template, without comments. Changes of the delimiters and partials are refused before.
std::vector<std::string_view> tags_in(std::string_view text) {
  std::vector<std::string_view> out;
  for (auto at = text.find("{{"); at != text.npos; at = text.find("{{", at)) {
    const auto end = text.find("}}", at);
    if (end == text.npos) break;
    const std::string_view tag = trimmed(text.substr(at + 2, end - at - 2));
    at = end + 2;
    if (!tag.starts_with("!")) out.push_back(tag);
  }
  return out;
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view tag : tags_in(text)) {
    if (!tag.empty() && std::string_view("#^/&{").find(tag.front()) != std::string_view::npos)
      tag = trimmed(tag.substr(1));
    out.emplace_back(tag);
  }
  return out;
}

bool is_too_deep(std::string_view text) {
  int depth = 0;
  for (const std::string_view tag : tags_in(text)) {
    if (tag.starts_with('/')) --depth;
    if ((tag.starts_with('#') || tag.starts_with('^')) && ++depth > kMaxDepth) return true;
  }
  return false;
}

Result<void> check_form(std::string_view text) {
  if (text.size() > kMaxTemplate) return Error{ErrorCode::kInvalid, "the template is longer than 64 KB"};
  if (!is_valid_utf8(text)) return Error{ErrorCode::kInvalid, "the template is not UTF-8"};
  if (text.find('\0') != text.npos) return Error{ErrorCode::kInvalid, "the template has a NUL"};
  for (const char* refused : {"{{>", "{{=", "{{ >", "{{ ="}) {
    if (text.find(refused) != text.npos)
      return Error{ErrorCode::kInvalid,
                   "partials and other delimiters are not offered: " + std::string(refused)};
  }
  if (is_too_deep(text))
    return Error{ErrorCode::kInvalid, "the sections of the template are more than 20 deep"};
  return {};
}

using Escape = std::function<std::string(const std::string&)>;

Result<std::string> fill_with(const Escape& escape, std::string_view text,
                              const std::map<std::string, std::string>& values) {
  ESSAIM_TRY(check_form(text));
  mustache read{std::string(text)};
  if (!read.is_valid()) return Error{ErrorCode::kInvalid, read.error_message()};
  read.set_custom_escape(escape);
  data all{data::type::object};
  for (const auto& [name, value] : values) {
    if (value.empty()) {
      all.set(name, data{data::type::bool_false});
    } else {
      all.set(name, value);
    }
  }
  std::string out = read.render(all);
  if (!read.is_valid()) return Error{ErrorCode::kInvalid, read.error_message()};
  return out;
}

}  // namespace

Result<std::string> fill(std::string_view text, const std::map<std::string, std::string>& values) {
  return fill_with([](const std::string& value) { return value; }, text, values);
}

Result<std::string> fill_html(std::string_view text, const std::map<std::string, std::string>& values) {
  return fill_with([](const std::string& value) { return kainjow::mustache::html_escape(value); }, text,
                   values);
}

Result<void> check_template(std::string_view text, const std::vector<std::string>& known) {
  std::map<std::string, std::string> sample;
  for (const std::string& name : known) sample[name] = "x";
  ESSAIM_TRY(fill(text, sample));
  for (const std::string& name : names_in(text)) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string message = "there is no variable '" + escaped_for_display(name, 80) + "'";
    if (const std::string near = nearest(name, known); !near.empty())
      return Error{ErrorCode::kInvalid, message + "; did you mean '" + near + "'?"};
    message += "; there are:";
    for (const std::string& one : known) message += " " + one;
    return Error{ErrorCode::kInvalid, message};
  }
  return {};
}

}  // namespace essaim::lists
