#include "core/config/values.h"

#include <algorithm>

#include <arpa/inet.h>

#include "core/base/check.h"
#include "core/base/network.h"
#include "core/base/text.h"

namespace essaim::config {
namespace {

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (std::string_view label : split(host, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      const char l = ascii_lower(c);
      if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_')) return false;
    }
  }
  // Four numbers that are no IPv4 address are a slip, not a name.
  const std::size_t dot = host.rfind('.');
  return !parse_u64(host.substr(dot == std::string_view::npos ? 0 : dot + 1)).has_value();
}

const Setting* find_setting(const Schema& schema, std::string_view name) {
  for (const Setting& setting : schema.settings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text, bool allow_names) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return invalid("has no port; write it as \"127.0.0.1:25\" or \"[::1]:25\"");
  HostPort out;
  out.host = std::string(text.substr(0, colon));
  const std::optional<std::uint64_t> port = parse_u64(text.substr(colon + 1));
  if (!port || *port > 65535) return invalid("has no port between 0 and 65535");
  out.port = static_cast<std::uint16_t>(*port);
  if (out.host.starts_with("[") && out.host.ends_with("]")) {
    out.host = out.host.substr(1, out.host.size() - 2);
    if (is_ip(AF_INET6, out.host)) return out;
    return invalid("has no IPv6 address in its brackets");
  }
  if (is_ip(AF_INET, out.host)) return out;
  if (is_ip(AF_INET6, out.host) || is_ip(AF_INET6, std::string(text))) {
    return invalid("needs brackets around the IPv6 address: \"[::1]:25\"");
  }
  if (!allow_names) return invalid("is not an IP address and port, as \"127.0.0.1:25\" or \"[::1]:25\"");
  if (!is_host_name(out.host)) return invalid("is neither an IP address nor a host name, with a port");
  return out;
}

std::string to_string(const HostPort& address) {
  if (address.host.empty()) return "";
  const bool brackets = address.host.find(':') != std::string::npos;
  return (brackets ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t unit = 1;
  std::string_view digits = text;
  if (!digits.empty()) {
    switch (ascii_lower(digits.back())) {
      case 'k':
        unit = 1024;
        break;
      case 'm':
        unit = 1024ULL * 1024;
        break;
      case 'g':
        unit = 1024ULL * 1024 * 1024;
        break;
      default:
        break;
    }
    if (unit != 1) digits.remove_suffix(1);
  }
  const std::optional<std::uint64_t> n = parse_u64(digits);
  if (!n) return invalid("is not a size; write a number of bytes, or \"64K\", \"25M\", \"1G\"");
  if (*n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / unit) {
    return invalid("is too large");
  }
  return *n * unit;
}

std::string format_size(std::uint64_t bytes) {
  const char* units[] = {"", "K", "M", "G"};
  int unit = 0;
  while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + units[unit];
}

const Value& View::held(std::string_view name, std::initializer_list<Type> types) const {
  const Setting* setting = find_setting(values_->schema(), prefix_ + std::string(name));
  ESSAIM_CHECK(setting != nullptr);
  ESSAIM_CHECK(types.size() == 0 || std::find(types.begin(), types.end(), setting->type) != types.end());
  const auto at = held_->find(name);
  ESSAIM_CHECK(at != held_->end());
  return at->second;
}

bool View::is_set(std::string_view name) const {
  return !held(name, {}).empty();
}
bool View::from_file(std::string_view name) const {
  return held(name, {}).from_file;
}

std::string View::string(std::string_view name) const {
  const Value& value = held(name, {Type::kString, Type::kEnum});
  return value.empty() ? std::string() : value.texts[0];
}

bool View::boolean(std::string_view name) const {
  return held(name, {Type::kBool}).texts[0] == "true";
}

std::int64_t View::integer(std::string_view name) const {
  const std::string& text = held(name, {Type::kInteger}).texts[0];
  const bool negative = text.starts_with("-");
  const auto n = static_cast<std::int64_t>(parse_u64(negative ? text.substr(1) : text).value_or(0));
  return negative ? -n : n;
}

std::chrono::milliseconds View::duration(std::string_view name) const {
  Duration d{};
  ESSAIM_CHECK(parse_duration(held(name, {Type::kDuration}).texts[0], &d));
  return std::chrono::duration_cast<std::chrono::milliseconds>(d);
}

std::uint64_t View::size(std::string_view name) const {
  return parse_size(held(name, {Type::kSize}).texts[0]).value();
}

std::vector<std::string> View::strings(std::string_view name) const {
  return held(name, {Type::kStrings}).texts;
}

HostPort View::address(std::string_view name) const {
  const Value& value = held(name, {Type::kAddress});
  return value.empty() ? HostPort{} : parse_host_port(value.texts[0], true).value();
}

std::vector<HostPort> View::addresses(std::string_view name) const {
  std::vector<HostPort> out;
  for (const std::string& text : held(name, {Type::kAddresses}).texts) {
    out.push_back(parse_host_port(text, true).value());
  }
  return out;
}

std::vector<View> Values::elements(std::string_view array) const {
  const bool known = std::any_of(schema_->sections.begin(), schema_->sections.end(),
                                 [array](const Section& section) { return section.name == array; });
  ESSAIM_CHECK(known && array.ends_with("[]"));
  std::vector<View> out;
  const auto found = arrays_.find(array);
  if (found == arrays_.end()) return out;
  for (const auto& element : found->second) out.push_back(View(this, std::string(array) + ".", &element));
  return out;
}

void Values::reload_elements(const std::vector<const Setting*>& settings, const std::vector<Held>& fresh,
                             std::vector<Held>* elements) {
  const auto reloadable = [](const Setting* s) { return s->reloadable; };
  if (std::all_of(settings.begin(), settings.end(), reloadable)) {
    *elements = fresh;
    return;
  }
  std::vector<bool> taken(fresh.size(), false);
  for (Held& element : *elements) {
    const auto same = [&](const Held& other) {
      return std::all_of(settings.begin(), settings.end(), [&](const Setting* s) {
        const std::string key = key_of(s->name);
        return s->reloadable || element.at(key).texts == other.at(key).texts;
      });
    };
    std::size_t i = 0;
    while (i < fresh.size() && (taken[i] || !same(fresh[i]))) ++i;
    if (i == fresh.size()) continue;
    taken[i] = true;
    element = fresh[i];  // what is not reloadable is the same
  }
}

Values Values::reloaded(const Values& fresh) const {
  ESSAIM_CHECK(schema_ == fresh.schema_);
  Values out = *this;
  std::map<std::string, std::vector<const Setting*>> of_arrays;
  for (const Setting& s : schema_->settings) {
    const std::string table = table_of(s.name);
    if (table.ends_with("[]"))
      of_arrays[table].push_back(&s);
    else if (s.reloadable)
      out.root_[s.name] = fresh.root_.at(s.name);
  }
  for (const auto& [array, settings] : of_arrays) {
    const auto found = fresh.arrays_.find(array);
    reload_elements(settings, found == fresh.arrays_.end() ? std::vector<Held>() : found->second,
                    &out.arrays_[array]);
  }
  return out;
}

}  // namespace essaim::config
