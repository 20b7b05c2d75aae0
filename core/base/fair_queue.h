// Things that wait, in turn by whose they are: one of each who has some waiting before anybody gets the second. Those of one
// are in the order in which they came. A queue takes no more than its things do. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace essaim {

template <typename T>
class FairQueue {
 public:
  struct Line {
    std::string who;
    std::deque<T> things;  // never empty
  };

  void push(const std::string& who, T thing) {
    const auto [found, is_new] = lines_.try_emplace(who);
    if (is_new) found->second = turns_.insert(turns_.end(), {who, {}});
    found->second->things.push_back(std::move(thing));
    ++size_;
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  // Whose turn it is of those for whom `may(who)`; null if there is nobody. Until the queue changes.
  template <typename May>
  const Line* next(const May& may) const {
    for (const Line& line : turns_) {
      if (may(line.who)) return &line;
    }
    return nullptr;
  }
  // The first of theirs, who stand behind all others then.
  T take(const std::string& who) {
    const auto found = lines_.find(who);
    Line& line = *found->second;
    T out = std::move(line.things.front());
    line.things.pop_front();
    --size_;
    turns_.splice(turns_.end(), turns_, found->second);
    if (line.things.empty()) drop(found);
    return out;
  }
  // Takes those of theirs out that nobody wants any more, in order.
  template <typename Unwanted>
  std::vector<T> remove_if(const std::string& who, const Unwanted& unwanted) {
    std::vector<T> out;
    const auto found = lines_.find(who);
    if (found == lines_.end()) return out;
    std::deque<T> kept;
    for (T& thing : found->second->things) {
      if (unwanted(thing))
        out.push_back(std::move(thing));
      else
        kept.push_back(std::move(thing));
    }
    size_ -= out.size();
    found->second->things = std::move(kept);
    if (found->second->things.empty()) drop(found);
    return out;
  }
  std::vector<T> take_all() {
    std::vector<T> out;
    for (Line& line : turns_) {
      for (T& thing : line.things) out.push_back(std::move(thing));
    }
    turns_.clear();
    lines_.clear();
    size_ = 0;
    return out;
  }

 private:
  using Lines = std::unordered_map<std::string, typename std::list<Line>::iterator>;
  void drop(typename Lines::iterator found) {
    turns_.erase(found->second);
    lines_.erase(found);
  }

  std::list<Line> turns_;
  Lines lines_;
  std::size_t size_ = 0;
};

}  // namespace essaim
