// How many questions of incoming mail are under way on a loop: DNS has so many places there and no more, and what delivers
// needs some of them at any time. Whoever sends mail whose names are answered late, or never, has a part of the places;
// everybody with questions gets one asked in turn.
//
// On the loop. Outlives its turns, but for those that are posted.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/base/fair_queue.h"
#include "core/net/event_loop.h"

namespace essaim::mailauth {

class QuestionTurns {
 public:
  static constexpr std::size_t kPlaces = 100;  // of 256 that a resolver has for questions on their way
  static constexpr std::size_t kOfOne = 25;

  explicit QuestionTurns(net::EventLoop& loop, std::size_t places = kPlaces, std::size_t of_one = kOfOne);

  // The destructor gives the place back, or leaves the queue.
  class Turn {
   public:
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    friend class QuestionTurns;
    struct State;
    Turn(QuestionTurns& turns, std::shared_ptr<State> state) : turns_(turns), state_(std::move(state)) {}
    QuestionTurns& turns_;
    const std::shared_ptr<State> state_;
  };
  // `begin` comes once, from within this or another call or from the loop, never from within the destructor of a turn.
  std::unique_ptr<Turn> take(const std::string& who, std::function<void()> begin);

  std::size_t under_way() const { return under_way_; }

 private:
  void begin_some();
  void begin_soon();
  void ended(const std::string& who);

  net::EventLoop& loop_;
  const std::size_t places_, of_one_;
  std::size_t under_way_ = 0;
  std::map<std::string, std::size_t> of_;  // under way
  FairQueue<std::weak_ptr<Turn::State>> waiting_;
  bool begins_soon_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace essaim::mailauth
