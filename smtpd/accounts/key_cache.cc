#include "smtpd/accounts/key_cache.h"

#include <utility>

namespace essaim::smtpd {

void KeyCache::find(const std::string& algorithm, const std::string& key_id, Done done) {
  Result<Keys> answer = Keys();
  bool waits = false, ask = false;
  {
    const std::lock_guard lock(mutex_);
    const MonoTime now = clock_.mono_now();
    const bool fresh = keys_ != nullptr && now - fetched_at_ < kFresh;
    const bool wanted = !fresh || !keys_->has(algorithm, key_id);
    if (wanted && (asking_ || !asked_ || now - asked_at_ >= kPause)) {
      waits = true;
      waiting_.push_back(done);
      ask = !std::exchange(asking_, true);
      if (ask) {
        asked_ = true;
        asked_at_ = now;
      }
    } else {
      answer = best(now);
    }
  }
  if (!waits) return done(std::move(answer));
  if (ask)
    fetch_([self = shared_from_this()](const Result<http::Response>& response) { self->fetched(response); });
}

Result<KeyCache::Keys> KeyCache::best(MonoTime now) const {
  if (keys_ != nullptr && now - fetched_at_ < kGood) return keys_;
  return Error{ErrorCode::kTemporary, trouble_.empty() ? "the keys are being fetched" : trouble_};
}

void KeyCache::fetched(const Result<http::Response>& response) {
  Result<Keys> parsed = Keys();
  if (!response.ok())
    parsed = response.error();
  else if (response->status != 200)
    parsed = Error{ErrorCode::kTemporary, "the key set's server answers " + std::to_string(response->status)};
  else
    parsed = JsonWebKeys::parse(response->body);
  std::vector<Done> waiting;
  Result<Keys> answer = Keys();
  {
    const std::lock_guard lock(mutex_);
    const MonoTime now = clock_.mono_now();
    asking_ = false;
    if (parsed.ok()) {
      keys_ = *parsed;
      fetched_at_ = now;
      trouble_.clear();
    } else {
      trouble_ = "the key set cannot be had: " + parsed.error().message;
    }
    answer = best(now);
    waiting.swap(waiting_);
  }
  for (const Done& done : waiting) done(answer);
}

}  // namespace essaim::smtpd
