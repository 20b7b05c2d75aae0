#include "smtpd/daemon/pulse.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace essaim::smtpd {
namespace {

class Answers {
 public:
  explicit Answers(std::size_t count) : given_(count), missing_(count) {}
  // True when it was the last one.
  bool take(std::size_t i) {
    const std::lock_guard lock(mutex_);
    if (given_[i]) return false;
    given_[i] = true;
    if (--missing_ > 0) return false;
    complete_.notify_all();
    return true;
  }
  void wait(Duration patience) {
    std::unique_lock lock(mutex_);
    complete_.wait_for(lock, patience, [&] { return missing_ == 0; });
  }
  std::vector<std::string> names_missing(const std::vector<Pulse>& all) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!given_[i]) names.push_back(all[i].name);
    return names;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable complete_;
  std::vector<bool> given_;
  std::size_t missing_;
};

// One question to all of them. The loop keeps it, until the last answer or the end of patience.
class Round final : public net::Disposable {
 public:
  using Done = std::function<void(std::vector<std::string> silent)>;
  Round(net::EventLoop& loop, std::vector<Pulse> all, Duration patience, Done done)
      : loop_(loop), all_(std::move(all)), done_(std::move(done)), timer_(loop, [this] { end(); }) {
    timer_.start(all_.empty() ? Duration::zero() : patience);
  }
  void on_doomed() override {
    alive_.reset();
    done_ = nullptr;
    timer_.cancel();
  }
  void ask() {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      all_[i].ask([&loop = loop_, weak = std::weak_ptr<Round*>(alive_), answers = answers_, i] {
        if (!answers->take(i)) return;
        loop.post([weak] {
          if (const auto self = weak.lock()) (*self)->end();
        });
      });
    }
  }

 private:
  void end() {
    const Done done = std::exchange(done_, nullptr);
    loop_.drop(this);
    done(answers_->names_missing(all_));
  }

  net::EventLoop& loop_;
  const std::vector<Pulse> all_;
  Done done_;
  std::shared_ptr<Round*> alive_ = std::make_shared<Round*>(this);
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>(all_.size());
  net::Timer timer_;
};

}  // namespace

bool Movement::goes_on(std::uint64_t begun, MonoTime now) {
  const std::lock_guard lock(mutex_);
  if (begun != begun_ || since_ == MonoTime{}) since_ = now;
  begun_ = begun;
  return now - since_ < patience_;
}

std::vector<std::string> silent_ones(const std::vector<Pulse>& all, Duration patience) {
  auto answers = std::make_shared<Answers>(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].ask([answers, i] { answers->take(i); });
  answers->wait(patience);
  return answers->names_missing(all);
}

void find_silent_ones(net::EventLoop& loop, const std::vector<Pulse>& all, Duration patience,
                      std::function<void(std::vector<std::string> silent)> done) {
  auto round = std::make_unique<Round>(loop, all, patience, std::move(done));
  Round* const kept = round.get();
  loop.keep(std::move(round));
  kept->ask();
}

}  // namespace essaim::smtpd
