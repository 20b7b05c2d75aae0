// Reception in the words that people use, which are Sympa's. Pure.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "storage/records.h"

namespace essaim::storage {

inline constexpr std::array<std::pair<Reception, std::string_view>, 6> kReceptions = {
    std::pair{Reception::kEach, std::string_view("mail")},
    {Reception::kNone, "nomail"},
    {Reception::kDigest, "digest"},
    {Reception::kPlainDigest, "digestplain"},
    {Reception::kSummary, "summary"},
    {Reception::kNotOwn, "not_me"}};

// One that a later program has stored is "mail", as that is what its member gets.
constexpr std::string_view to_string(Reception reception) {
  for (const auto& [value, word] : kReceptions)
    if (value == reception) return word;
  return "mail";
}

// Nothing: it is none of the words.
constexpr std::optional<Reception> parse_reception(std::string_view text) {
  for (const auto& [value, word] : kReceptions)
    if (word == text) return value;
  return std::nullopt;
}

}  // namespace essaim::storage
