#include <algorithm>
#include <utility>

#include <event2/event.h>

#include "core/base/check.h"
#include "core/net/event_loop.h"

namespace essaim::net {

Timer::Timer(EventLoop& loop, std::function<void()> callback) : loop_(loop), callback_(std::move(callback)) {}

Timer::~Timer() {
  if (event_ != nullptr) event_free(event_);
}

// A deadline that moves further away (the usual case, at every command of a session) costs one assignment:
// the event stays where it is and is moved once when it comes.
void Timer::start(Duration after) {
  deadline_ = loop_.now() + std::max(after, Duration::zero());
  active_ = true;
  if (scheduled_active_ && scheduled_ <= deadline_) return;
  schedule();
}

void Timer::schedule() {
  if (event_ == nullptr) {
    event_ = event_new(
        loop_.base(), -1, 0,
        [](evutil_socket_t, short, void* self) { static_cast<Timer*>(self)->on_event(); }, this);
    ESSAIM_CHECK(event_ != nullptr);
  }
  const auto left =
      std::chrono::ceil<std::chrono::microseconds>(std::max(deadline_ - loop_.now(), Duration::zero()));
  timeval tv{};
  tv.tv_sec = static_cast<time_t>(left.count() / 1'000'000);
  tv.tv_usec = static_cast<suseconds_t>(left.count() % 1'000'000);
  ESSAIM_CHECK(event_add(event_, &tv) == 0);
  scheduled_ = deadline_;
  scheduled_active_ = true;
}

void Timer::on_event() {
  scheduled_active_ = false;
  if (!active_) return;
  if (loop_.now() < deadline_) {
    schedule();
    return;
  }
  active_ = false;
  // The callback may destroy the timer, and with it the function that runs.
  const std::function<void()> callback = callback_;
  callback();
}

// The event is left to come and find nothing to do: cancelling and starting again is what sessions do all the
// time.
void Timer::cancel() {
  active_ = false;
}

}  // namespace essaim::net
