#include "core/mailauth/question_turns.h"

#include <utility>

namespace essaim::mailauth {

struct QuestionTurns::Turn::State {
  std::string who;
  std::function<void()> begin;  // null: it has begun
};

QuestionTurns::QuestionTurns(net::EventLoop& loop, std::size_t places, std::size_t of_one)
    : loop_(loop), places_(places), of_one_(of_one) {}

QuestionTurns::Turn::~Turn() {
  if (!state_->begin) turns_.ended(state_->who);
}

std::unique_ptr<QuestionTurns::Turn> QuestionTurns::take(const std::string& who,
                                                         std::function<void()> begin) {
  auto state = std::make_shared<Turn::State>(Turn::State{who, std::move(begin)});
  std::unique_ptr<Turn> turn(new Turn(*this, state));
  waiting_.push(who, state);
  begin_some();
  return turn;
}

void QuestionTurns::begin_some() {
  const auto may = [this](const std::string& who) {
    const auto found = of_.find(who);
    return found == of_.end() || found->second < of_one_;
  };
  while (under_way_ < places_) {
    const auto* line = waiting_.next(may);
    if (line == nullptr) return;
    const auto state = waiting_.take(line->who).lock();
    if (!state) continue;  // its turn has been given up
    ++under_way_;
    ++of_[state->who];
    std::exchange(state->begin, nullptr)();
  }
}

// Not at once: whoever gives a place back may be about to give up others that wait.
void QuestionTurns::begin_soon() {
  if (waiting_.empty() || std::exchange(begins_soon_, true)) return;
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock()) return;
    begins_soon_ = false;
    begin_some();
  });
}

void QuestionTurns::ended(const std::string& who) {
  --under_way_;
  const auto found = of_.find(who);
  if (--found->second == 0) of_.erase(found);
  begin_soon();
}

}  // namespace essaim::mailauth
