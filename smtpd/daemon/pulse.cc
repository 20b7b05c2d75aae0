#include "smtpd/daemon/pulse.h"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace essaim::smtpd {
namespace {

struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> given;
  std::size_t missing = 0;
};

}  // namespace

std::vector<std::string> silent_ones(const std::vector<Pulse>& all, Duration patience) {
  auto answers = std::make_shared<Answers>();
  answers->given.resize(all.size());
  answers->missing = all.size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].ask([answers, i] {
      const std::lock_guard lock(answers->mutex);
      if (answers->given[i]) return;
      answers->given[i] = true;
      --answers->missing;
      answers->changed.notify_all();
    });
  }
  std::unique_lock lock(answers->mutex);
  answers->changed.wait_for(lock, patience, [&] { return answers->missing == 0; });
  std::vector<std::string> silent;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!answers->given[i]) silent.push_back(all[i].name);
  return silent;
}

}  // namespace essaim::smtpd
