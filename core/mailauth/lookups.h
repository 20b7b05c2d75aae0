// Brings answers from DNS for something that looks into Answers, until nothing is missing: asks all that is missing at
// once, and lets it look again behind whatever has come within a turn of the loop, so that a silent name delays only what
// depends on it. At most one look for each of Answers::kMaxQuestions. On the loop of the resolver; `done` comes exactly
// once, never from within start(). The destructor cancels. When the time is over, what is still unanswered, or waits for
// its turn, is a temporary error.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/dns/resolver.h"
#include "core/mailauth/answers.h"
#include "core/mailauth/question_turns.h"
#include "core/net/event_loop.h"

namespace essaim::mailauth {

class Lookups {
 public:
  using Look = std::function<void(Answers&)>;
  using Done = std::function<void(Answers)>;

  Lookups(net::EventLoop& loop, dns::Resolver& resolver, Duration patience, Look look, Done done);
  // Questions are asked in turn with those of others; `who`: whose they are.
  Lookups(net::EventLoop& loop, dns::Resolver& resolver, std::shared_ptr<QuestionTurns> turns,
          std::string who, Duration patience, Look look, Done done);
  ~Lookups();
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;
  void start();
  // As if the time were over.
  void give_up();

 private:
  void look_soon();
  void look_again();
  void ask_in_turn(const Question& question);
  std::unique_ptr<dns::Query> ask(const Question& question);
  void take(const Question& question, Answer answer);
  void end();

  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  const std::shared_ptr<QuestionTurns> turns_;  // null: there are no others
  const std::string who_;
  const Duration patience_;
  const Look look_;
  Done done_;
  Answers answers_;
  bool over_ = false;
  bool looks_soon_ = false;
  struct Open {
    std::unique_ptr<QuestionTurns::Turn> turn;
    std::unique_ptr<dns::Query> query;  // null while it waits for its turn
  };
  std::map<Question, Open> open_;
  std::vector<Open> answered_;  // go when no callback of theirs is under way
  net::Timer deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace essaim::mailauth
