// How a parser is fed: whole, byte by byte, and at random splits. The row passes only if all ways give the
// same.
#pragma once

#include <algorithm>
#include <random>
#include <string_view>
#include <vector>

namespace essaim::test {

// The pieces of each way, in order. Random splits are the same at every run.
inline std::vector<std::vector<std::string_view>> all_splits(std::string_view input, int random_ways = 20) {
  std::vector<std::vector<std::string_view>> ways;
  ways.push_back({input});
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < input.size(); ++i) bytes.push_back(input.substr(i, 1));
  ways.push_back(std::move(bytes));
  std::mt19937 random(1);
  for (int way = 0; way < random_ways; ++way) {
    std::vector<std::string_view> pieces;
    const std::size_t longest = 1 + random() % 40;
    for (std::size_t pos = 0; pos < input.size();) {
      const std::size_t n = std::min(input.size() - pos, 1 + random() % longest);
      pieces.push_back(input.substr(pos, n));
      pos += n;
    }
    ways.push_back(std::move(pieces));
  }
  return ways;
}

}  // namespace essaim::test
