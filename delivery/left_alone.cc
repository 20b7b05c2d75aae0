#include "delivery/left_alone.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"
#include "core/base/random.h"
#include "delivery/loop_side.h"
#include "delivery/retry.h"

namespace essaim::delivery {
namespace {

constexpr double kLaterUpTo = 0.125;  // of what is left of a suspension

}  // namespace

void LeftAlone::begin(const std::string& name, const smtp::Reply& why, MonoTime until) {
  reply_ = why;
  if (!reply_.temporary()) {
    // A host that greets with 5xx fails no recipient: they are many, and it may be a mistake there.
    reply_.code = 451;
    reply_.enhanced = {4, 4, 1};
  }
  log::warning("destination-suspended", {{"destination", std::string_view(name)},
                                         {"for", Duration(until - side_.clock().mono_now())},
                                         {"reason", why.to_string()}});
  // Who was put off before this waits for it by those words; another domain may have come in front since.
  if (!puts_off_) words_ = suspended_words(name);
  reply_.text = words_ + ": " + reply_.text;
}

void LeftAlone::put_off(const Slice& slice, MonoTime until) {
  puts_off_ = true;
  side_.recorder().put_off(slice, reply_, end_for_one(until));
}

void LeftAlone::defer(const Slice& slice, Stage stage, bool our_way, MonoTime until) {
  puts_off_ = true;
  side_.recorder().record_all(slice, Outcome::Kind::kDeferred, stage, reply_, our_way, end_for_one(until));
}

void LeftAlone::over() {
  if (std::exchange(puts_off_, false)) side_.fabric().sink->destination_back(words_);
}

// Not all at the same moment: those who come first show whether the others can go. But at few moments, see suspension_step().
WallTime LeftAlone::end_for_one(MonoTime until) const {
  const Duration left = std::max(Duration{}, until - side_.clock().mono_now());
  const auto later = std::chrono::duration_cast<Duration>(left * kLaterUpTo * random_fraction());
  const WallTime end = side_.clock().wall_now() + std::chrono::ceil<std::chrono::milliseconds>(left + later);
  return at_full_step(end, suspension_step(side_.settings().retry_initial));
}

}  // namespace essaim::delivery
