// The budget of a destination among nodes: what the settings allow (connections, rate) holds for all of them together, and is
// shared by what each wants of it. Nodes tell each other their demands behind their beats; so what is shared is some seconds
// old. Of a destination that several begin with at the same moment nobody has heard yet: its connections may be those of all
// of them for so long; of its rate each takes an even part.
//
//   connections  one for each node that wants some, the rest by demand; when there are fewer than nodes, the first ones
//                by rendezvous hashing have one each, and the others wait until one of these wants none any more
//   rate         by demand; when it is less than a message per second and node, the first one has all of it
//
// Pure values; the functions know no clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery/destination_rule.h"

namespace essaim::delivery {

struct Demand {
  int node = 0;
  std::int64_t recipients = 0;  // that wait or are under way there
};
// By key of the destination, what other nodes want.
using Demands = std::map<std::string, std::vector<Demand>>;

struct Share {
  int connections = 0;
  double rate = 1.0;  // of the whole
  friend bool operator==(const Share&, const Share&) = default;
};
Share share_of(std::string_view key, Demand own, const std::vector<Demand>& others, int connections,
               const Rate& rate);
// The same with no more than an even part of the rate, while some of these nodes may want it and have not been heard.
// A rate below a message per second and node is left as it is: hardly more than one goes out of each at once.
Share before_others_are_heard(Share share, const Rate& rate, int nodes);

// What this node has for a destination.
struct OwnDemand {
  std::string key;
  std::int64_t recipients = 0;  // that wait or are under way, and connections
  bool limited = false;         // a rule of its own sets its connections or its rate
};
// What of it others are told: they take a destination of which they hear nothing for theirs alone. So those come first that have
// a limit of their own, and then those with the most. A pattern may limit any number of them.
inline constexpr std::size_t kLimitedTold = 500, kOthersTold = 100;
void keep_told(std::vector<OwnDemand>* own);
// By which name: the key, or, as that has the names of all its hosts, the beginning of a long one and its SHA-256.
std::string told_key(const std::string& key);

// As a text: "key TAB recipients" lines, the first ones that have room there. What is not understood is left out.
inline constexpr std::size_t kLongestTold = 60'000;  // octets: each node reads it with each look
std::string encode_demands(const std::vector<OwnDemand>& demands);
void add_demands(int node, std::string_view text, Demands* all);

// The present ones; thread-safe. Nothing until they are set: a node alone.
class SharedDemands {
 public:
  std::shared_ptr<const Demands> get() const {
    const std::lock_guard lock(mutex_);
    return demands_;
  }
  void set(std::shared_ptr<const Demands> demands, int nodes) {
    const std::lock_guard lock(mutex_);
    demands_ = std::move(demands);
    nodes_ = nodes;
  }
  // At work, with this one.
  int nodes() const {
    const std::lock_guard lock(mutex_);
    return nodes_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Demands> demands_;
  int nodes_ = 1;
};

}  // namespace essaim::delivery
