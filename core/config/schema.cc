#include "core/config/schema.h"

#include <algorithm>
#include <set>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/config/values.h"

namespace essaim::config {
namespace {

std::string limits_of(const Setting& setting, std::int64_t minimum, std::int64_t maximum) {
  const auto shown = [&setting](std::int64_t n) {
    switch (setting.type) {
      case Type::kSize:
        return format_size(static_cast<std::uint64_t>(n));
      case Type::kDuration:
        return format_duration(std::chrono::milliseconds(n));
      default:
        return std::to_string(n);
    }
  };
  if (maximum == std::numeric_limits<std::int64_t>::max()) return "at least " + shown(minimum);
  return "between " + shown(minimum) + " and " + shown(maximum);
}

std::string outside(const Setting& setting, std::int64_t n) {
  if (n >= setting.minimum && n <= setting.maximum) return "";
  return "must be " + limits_of(setting, setting.minimum, setting.maximum);
}

std::string wrong_integer(const Setting& setting, const std::string& text) {
  const bool negative = text.starts_with("-");
  const std::optional<std::uint64_t> n = parse_u64(negative ? text.substr(1) : text);
  if (!n || *n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return "is not an integer";
  return outside(setting, negative ? -static_cast<std::int64_t>(*n) : static_cast<std::int64_t>(*n));
}

std::string wrong_duration(const Setting& setting, const std::string& text) {
  Duration d{};
  if (!parse_duration(text, &d)) return R"(is not a duration; write "90s", "15m", "1h30m" or "5d")";
  return outside(setting, std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

std::string wrong_size(const Setting& setting, const std::string& text) {
  const Result<std::uint64_t> n = parse_size(text);
  if (!n) return n.error().message;
  return outside(setting, static_cast<std::int64_t>(*n));
}

std::string wrong_choice(const Setting& setting, const std::string& text) {
  if (std::find(setting.choices.begin(), setting.choices.end(), text) != setting.choices.end()) return "";
  std::string out = "must be one of";
  for (std::size_t i = 0; i < setting.choices.size(); ++i) {
    out += (i == 0 ? " \"" : ", \"") + setting.choices[i] + "\"";
  }
  const std::string meant = nearest(text, setting.choices);
  return meant.empty() ? out : out + "; did you mean \"" + meant + "\"?";
}

std::string wrong_text(const std::string& text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return "has a line end or NUL in it";
  return "";
}

}  // namespace

const char* to_string(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return "integer";
    case Type::kDuration:
      return "duration";
    case Type::kSize:
      return "size";
    case Type::kEnum:
      return "one of a few words";
    case Type::kStrings:
      return "list of strings";
    case Type::kAddress:
      return "address and port";
    case Type::kAddresses:
      return "list of addresses and ports";
  }
  return "?";
}

bool is_list(Type type) {
  return type == Type::kStrings || type == Type::kAddresses;
}

std::string wrong_with(const Setting& setting, const std::string& text) {
  switch (setting.type) {
    case Type::kString:
    case Type::kStrings:
      return wrong_text(text);
    case Type::kBool:
      return text == "true" || text == "false" ? "" : "must be true or false";
    case Type::kInteger:
      return wrong_integer(setting, text);
    case Type::kDuration:
      return wrong_duration(setting, text);
    case Type::kSize:
      return wrong_size(setting, text);
    case Type::kEnum:
      return wrong_choice(setting, text);
    case Type::kAddress:
    case Type::kAddresses: {
      const Result<HostPort> address = parse_host_port(text, setting.host_names);
      return address ? "" : address.error().message;
    }
  }
  return "";
}

std::vector<std::string> default_texts(const Setting& setting) {
  if (!is_list(setting.type)) return {setting.default_value};
  std::vector<std::string> out;
  if (setting.default_value.empty()) return out;
  for (std::string_view item : split(setting.default_value, ',')) out.emplace_back(trimmed(item));
  return out;
}

std::string table_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::string key_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? name : name.substr(dot + 1);
}

void check_schema(const Schema& schema) {
  std::set<std::string> tables;
  for (const Section& section : schema.sections) ESSAIM_CHECK(tables.insert(section.name).second);
  std::set<std::string> names;
  for (const Setting& setting : schema.settings) {
    ESSAIM_CHECK(names.insert(setting.name).second);
    ESSAIM_CHECK(!setting.help.empty());
    const std::string table = table_of(setting.name);
    ESSAIM_CHECK(table.empty() || tables.contains(table));
    ESSAIM_CHECK(!tables.contains(setting.name));
    ESSAIM_CHECK((setting.type == Type::kEnum) == !setting.choices.empty());
    ESSAIM_CHECK(setting.minimum <= setting.maximum);
    ESSAIM_CHECK(!setting.required || (setting.default_value.empty() && !setting.example.empty()));
    // Texts and addresses may be unset; a number or a switch has a value, or says that it is optional.
    ESSAIM_CHECK(!setting.optional || (setting.default_value.empty() && !setting.example.empty()));
    const bool may_be_empty = setting.required || setting.optional || setting.type == Type::kString ||
                              is_list(setting.type) || setting.type == Type::kAddress;
    ESSAIM_CHECK(may_be_empty || !setting.default_value.empty());
    if (!setting.default_value.empty()) {
      for (const std::string& text : default_texts(setting)) ESSAIM_CHECK(wrong_with(setting, text).empty());
    }
  }
}

}  // namespace essaim::config
