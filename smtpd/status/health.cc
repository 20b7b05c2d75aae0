#include "smtpd/status/health.h"

#include <algorithm>
#include <utility>

namespace essaim::smtpd {
namespace {

constexpr Duration kPatience = std::chrono::seconds(2);  // less than balancers wait for an answer
constexpr Duration kKept = std::chrono::milliseconds(500);

}  // namespace

Health::Health(net::EventLoop& loop, Parts parts) : loop_(loop), parts_(std::move(parts)) {}

void Health::ask_alive(Answer answer) {
  state_->alive_waiters.push_back(std::move(answer));
  if (state_->alive_waiters.size() > 1) return;
  find_silent_ones(loop_, parts_.pulses, kPatience, [state = state_](const std::vector<std::string>& silent) {
    Reasons reasons;
    for (const std::string& name : silent) reasons.push_back("no answer from " + name);
    for (const Answer& waiter : std::exchange(state->alive_waiters, {})) waiter(reasons);
  });
}

void Health::ask_ready(Answer answer) {
  state_->ready_waiters.push_back(std::move(answer));
  if (state_->ready_waiters.size() > 1) return;
  const MonoTime now = system_clock().mono_now();
  if (state_->known && now - state_->asked < kKept) return answer_ready();
  state_->asked = now;
  // As one more part whose silence means something.
  auto said = std::make_shared<Result<void>>();
  const Pulse database{"the database", [this, said](const std::function<void()>& answered) {
                         parts_.write([said, answered](const Result<void>& outcome) {
                           *said = outcome;  // read behind the answer only
                           answered();
                         });
                       }};
  find_silent_ones(loop_, {database}, kPatience,
                   [this, weak = std::weak_ptr<State>(state_), said](const std::vector<std::string>& silent) {
                     const auto state = weak.lock();
                     if (!state) return;
                     state->known = true;
                     state->database = !silent.empty() ? "no answer from the database"
                                       : said->ok()    ? ""
                                                    : "the database does not work: " + said->error().message;
                     answer_ready();
                   });
}

void Health::answer_ready() {
  Reasons reasons;
  if (!listening_) reasons.emplace_back("not listening");
  if (draining_) reasons.emplace_back("draining");
  for (std::string& reason : parts_.why_not())
    if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end())
      reasons.push_back(std::move(reason));
  if (!state_->database.empty()) reasons.push_back(state_->database);
  for (const Answer& waiter : std::exchange(state_->ready_waiters, {})) waiter(reasons);
}

}  // namespace essaim::smtpd
