#include "tests/fuzz/target.h"

#include <algorithm>

namespace essaim::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

unsigned char take_choice(std::string_view* data) {
  if (data->empty()) return 0;
  const auto choice = static_cast<unsigned char>(data->front());
  data->remove_prefix(1);
  return choice;
}

std::string_view take_until(std::string_view* data, char separator) {
  const std::size_t at = data->find(separator);
  const std::string_view taken = data->substr(0, at);
  data->remove_prefix(at == std::string_view::npos ? data->size() : at + 1);
  return taken;
}

Pieces whole(std::string_view data) {
  return data.empty() ? Pieces{} : Pieces{data};
}

Pieces by_octet(std::string_view data) {
  Pieces pieces;
  pieces.reserve(data.size());
  for (std::size_t i = 0; i < data.size(); ++i) pieces.push_back(data.substr(i, 1));
  return pieces;
}

Pieces at_random(std::string_view data, unsigned seed) {
  Pieces pieces;
  std::uint32_t state = seed * 2'654'435'761U + 1;
  while (!data.empty()) {
    state = state * 1'664'525U + 1'013'904'223U;
    const std::size_t n = std::min<std::size_t>(data.size(), 1 + (state >> 16) % (1 + seed % 64));
    pieces.push_back(data.substr(0, n));
    data.remove_prefix(n);
  }
  return pieces;
}

}  // namespace essaim::fuzz
