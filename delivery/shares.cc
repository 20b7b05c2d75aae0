#include "delivery/shares.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/text.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kLongestKey = 1000;  // octets
constexpr std::size_t kKeyBegin = 100;     // of a longer one, for people

// Of (key, node): every node comes to the same order without asking (FNV-1a, mixed).
std::uint64_t weight(std::string_view key, int node) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash ^= static_cast<std::uint64_t>(node) * 0x9E3779B97F4A7C15ULL;
  hash = (hash ^ (hash >> 31)) * 0xBF58476D1CE4E5B9ULL;
  return hash ^ (hash >> 29);
}

double per_second(const Rate& rate) {
  return static_cast<double>(rate.count) * 1e9 /
         static_cast<double>(std::max<Duration::rep>(1, rate.window.count()));
}

// How many nodes come before this one.
int place(std::string_view key, int node, const std::vector<Demand>& others) {
  const auto own = std::make_pair(weight(key, node), node);
  return static_cast<int>(std::count_if(others.begin(), others.end(), [&](const Demand& other) {
    return std::make_pair(weight(key, other.node), other.node) > own;
  }));
}

}  // namespace

Share share_of(std::string_view key, Demand own, const std::vector<Demand>& others, int connections,
               const Rate& rate) {
  Share share{connections, 1.0};
  if (others.empty()) return share;
  const auto nodes = static_cast<int>(others.size()) + 1;
  const auto mine = static_cast<double>(std::max<std::int64_t>(1, own.recipients));
  double all = mine;
  for (const Demand& other : others) all += static_cast<double>(std::max<std::int64_t>(1, other.recipients));
  if (connections >= nodes) {
    share.connections = 1 + static_cast<int>(static_cast<double>(connections - nodes) * mine / all);
  } else {
    share.connections = place(key, own.node, others) < connections ? 1 : 0;
  }
  if (rate.count == 0) return share;
  if (per_second(rate) >= nodes) {
    share.rate = mine / all;
  } else if (place(key, own.node, others) > 0) {
    share.connections = 0;
  }
  return share;
}

Share before_others_are_heard(Share share, const Rate& rate, int nodes) {
  if (nodes > 1 && rate.count > 0 && per_second(rate) >= nodes)
    share.rate = std::min(share.rate, 1.0 / nodes);
  return share;
}

std::string told_key(const std::string& key) {
  if (key.size() <= kLongestKey) return key;
  return key.substr(0, kKeyBegin) + "... sha256:" + hex_encoded(octets(sha256(key)));
}

void keep_told(std::vector<OwnDemand>* own) {
  const auto others =
      std::partition(own->begin(), own->end(), [](const OwnDemand& one) { return one.limited; });
  // Not by demand alone: what is told of equal ones must not change with each beat.
  const auto keep = [](auto from, auto to, std::size_t most) {
    const auto end =
        from + static_cast<std::ptrdiff_t>(std::min(most, static_cast<std::size_t>(std::distance(from, to))));
    std::partial_sort(from, end, to, [](const OwnDemand& a, const OwnDemand& b) {
      return std::tie(b.recipients, a.key) < std::tie(a.recipients, b.key);
    });
    return end;
  };
  own->erase(keep(others, own->end(), kOthersTold), own->end());
  own->erase(keep(own->begin(), others, kLimitedTold), others);
}

std::string encode_demands(const std::vector<OwnDemand>& demands) {
  std::string text;
  for (const OwnDemand& one : demands) {
    if (one.recipients <= 0 || one.key.size() > kLongestKey ||
        one.key.find_first_of("\t\n") != std::string::npos)
      continue;
    const std::string line = one.key + '\t' + std::to_string(one.recipients) + '\n';
    if (text.size() + line.size() > kLongestTold) break;
    text += line;
  }
  return text;
}

void add_demands(int node, std::string_view text, Demands* all) {
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const auto recipients = parse_u64(line.substr(tab + 1));
    if (recipients && *recipients > 0 && *recipients < (1ULL << 40))
      (*all)[std::string(line.substr(0, tab))].push_back({node, static_cast<std::int64_t>(*recipients)});
  }
}

}  // namespace essaim::delivery
