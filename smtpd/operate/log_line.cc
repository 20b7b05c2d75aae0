#include "smtpd/operate/log_line.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

namespace essaim::smtpd::operate {
namespace {

constexpr std::size_t kTime = 24;  // "2026-11-22T18:52:04.123Z"

bool is_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return false;
  }
  return true;
}

// Takes "value" or value from the front. Of what is quoted only a quotation mark is escaped (core/base/log.cc).
std::string take_value(std::string_view* rest) {
  std::string value;
  if (!rest->starts_with('"')) {
    value = rest->substr(0, rest->find(' '));
    rest->remove_prefix(value.size());
    return value;
  }
  std::size_t i = 1;
  for (; i < rest->size() && (*rest)[i] != '"'; ++i) {
    if ((*rest)[i] == '\\' && i + 1 < rest->size() && (*rest)[i + 1] == '"') ++i;
    value += (*rest)[i];
  }
  rest->remove_prefix(std::min(rest->size(), i + 1));
  return value;
}

}  // namespace

LogFields log_fields(std::string_view text) {
  LogFields out;
  const auto event = text.substr(0, text.find(' '));
  out["event"] = event;
  text.remove_prefix(event.size());
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t equals = text.find('=');
    if (equals == text.npos) break;
    std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    out.emplace(std::move(name), take_value(&text));
  }
  return out;
}

LogFields read_log_line(std::string_view line) {
  if (line.starts_with('{')) {
    LogFields out;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return out;
    for (const auto& [name, value] : json.items())
      if (value.is_string()) out[name] = value.get<std::string>();
    return is_time(out["time"]) ? out : LogFields{};
  }
  if (line.size() < kTime + 2 || !is_time(line.substr(0, kTime)) || line[kTime] != ' ') return {};
  LogFields out = log_fields(line.substr(kTime + 1));
  out["time"] = line.substr(0, kTime);
  return out;
}

std::string value_of(const LogFields& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

}  // namespace essaim::smtpd::operate
