// Precompiled with the headers of the libraries, and included by nothing: what nearly all files would instantiate each for itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/text.h"

namespace essaim {

template <typename T>
void instantiate(const T& value) {
  T copy(value), moved(std::move(copy));
  copy = value;
  copy = std::move(moved);
  std::vector<T> all = {value, copy};
  all.push_back(value);
  all.emplace_back(std::move(copy));
  all.erase(all.begin());
  std::vector<T> others(all), last(std::move(others));
  others = all;
  std::optional<T> one(value), none;
  none = one;
  none = std::move(one);
  Result<T> result(*none), failed(Error{});
  result = std::move(failed);
  Result<std::vector<T>> many(std::move(last));
  Result<std::optional<T>> perhaps(std::move(none));
}

inline void instantiate_all() {
  const std::string text;
  instantiate(text);
  instantiate(std::string_view());
  instantiate(std::int64_t{});
  instantiate(WallTime{});
  instantiate(std::vector<std::string>{text});
  instantiate(std::pair<std::string, std::string>{});
  instantiate(std::map<std::string, std::string>{{text, text}});
  std::map<std::string, std::string> map;
  map[text] = text;
  map.emplace(text, text);
  map.erase(text);
  std::set<std::string> set = {text};
  set.insert(text);
  set.erase(text);
  std::unordered_map<std::string, std::string> table;
  table[text] = text;
  std::unordered_set<std::string> words = {text};
  words.insert(text);
  Json json = {
      {"number", 1}, {"text", text}, {"flag", true}, {"id", std::int64_t{}}, {"size", std::uint64_t{}}};
  json["list"] = Json::array();
  json["list"].push_back(Json{{"word", "text"}});
  json["time"] = text;
  json["nothing"] = nullptr;
  for (const auto& [name, value] : json.items()) map[name] = value.get<std::string>();
  map[text] = json.at("text").get<std::string>() + json.value("text", "") + json_text(Json::parse(text));
}

}  // namespace essaim
