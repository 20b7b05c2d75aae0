#include "delivery/concurrency.h"

#include <algorithm>

#include "delivery/retry.h"

namespace essaim::delivery {
namespace {

constexpr int kRefusesAll = 5;
// After a pause. More than one: the first message may be refused for what is in it, and the next one is another post's.
constexpr int kRefusesStill = 2;

}  // namespace

Concurrency::Concurrency(const Options& options) : options_(options), limit_(std::max(1, options.initial)) {
  limit_ = std::min(limit_, std::max(1, options_.max));
}

void Concurrency::set_options(const Options& options) {
  options_ = options;
  limit_ = std::clamp(limit_, 1, std::max(1, options_.max));
}

int Concurrency::limit(MonoTime now) const {
  if (suspended(now)) return 0;
  return probing_ ? 1 : limit_;
}

void Concurrency::on_success() {
  refused_ = 0;
  unusable_ = 0;
  suspensions_ = 0;
  if (probing_) {
    probing_ = false;
    limit_ = std::clamp(options_.initial, 1, std::max(1, options_.max));
    successes_ = 0;
    troubles_ = 0;
    return;
  }
  if (++successes_ < limit_) return;
  successes_ = 0;
  troubles_ = 0;
  if (reply_times_.slow()) return;
  limit_ = std::min(limit_ + 1, std::max(1, options_.max));
}

void Concurrency::on_trouble() {
  successes_ = 0;
  ++refused_;
  if (troubles_++ > 0) {
    if (troubles_ >= limit_) troubles_ = 0;
    return;
  }
  limit_ = std::max(1, limit_ - std::max(1, limit_ / 4));
}

bool Concurrency::refuses(MonoTime now, double fraction) {
  if (suspended(now)) {
    refused_ = 0;  // of what was under way when it began
    return false;
  }
  if (limit_ > 1 || refused_ < (probing_ ? kRefusesStill : kRefusesAll)) return false;
  suspend(now, fraction);
  return true;
}

bool Concurrency::on_unusable(int others_open, MonoTime now, double fraction) {
  successes_ = 0;
  ++unusable_;
  if (others_open == 0 || probing_ || unusable_ >= std::max(3, limit_)) {
    suspend(now, fraction);
    return true;
  }
  limit_ = std::max(1, limit_ - std::max(1, limit_ / 4));
  return false;
}

void Concurrency::forget() {
  until_ = MonoTime{};
  refused_ = 0;
  unusable_ = 0;
  suspensions_ = 0;
}

void Concurrency::suspend(MonoTime now, double fraction) {
  until_ = now + retry_delay(suspensions_, options_.suspend_initial, options_.suspend_max, fraction);
  if (suspensions_ < 30) ++suspensions_;
  refused_ = 0;
  unusable_ = 0;
  probing_ = true;
  limit_ = 1;
}

}  // namespace essaim::delivery
