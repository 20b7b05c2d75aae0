#include "smtpd/settings/show.h"

#include "core/base/clock.h"

namespace essaim::smtpd {
namespace {

std::vector<std::string> texts_of(const config::View& view, const config::Setting& s,
                                  const std::string& name) {
  std::vector<std::string> out;
  if (s.optional && !view.is_set(name)) return {""};
  switch (s.type) {
    case config::Type::kBool:
      return {view.boolean(name) ? "true" : "false"};
    case config::Type::kInteger:
      return {std::to_string(view.integer(name))};
    case config::Type::kDuration:
      return {format_duration(view.duration(name))};
    case config::Type::kSize:
      return {config::format_size(view.size(name))};
    case config::Type::kAddress:
      return {to_string(view.address(name))};
    case config::Type::kAddresses:
      for (const config::HostPort& a : view.addresses(name)) out.push_back(to_string(a));
      return out;
    case config::Type::kStrings:
      return view.strings(name);
    case config::Type::kString:
    case config::Type::kEnum:
      return {view.string(name)};
  }
  return out;
}

ShownValue shown(const config::View& view, const config::Setting& s, const std::string& name,
                 std::string as) {
  ShownValue out{std::move(as), texts_of(view, s, name), config::is_list(s.type), !view.from_file(name)};
  if (s.secret && view.is_set(name)) out.texts = {"(hidden)"};
  return out;
}

}  // namespace

std::vector<ShownValue> shown_values(const config::Values& values) {
  std::vector<ShownValue> out;
  for (const config::Setting& s : values.schema().settings) {
    const std::string table = config::table_of(s.name), key = config::key_of(s.name);
    if (!table.ends_with("[]")) {
      out.push_back(shown(values.root(), s, s.name, s.name));
      continue;
    }
    std::size_t i = 0;
    for (const config::View& element : values.elements(table))
      out.push_back(
          shown(element, s, key, table.substr(0, table.size() - 2) + "[" + std::to_string(i++) + "]." + key));
  }
  return out;
}

}  // namespace essaim::smtpd
