#include "storage/fault.h"

#include <array>
#include <csignal>
#include <mutex>

namespace essaim::storage {

namespace {

std::mutex mutex;
FaultPlan::Plan current;
std::array<std::uint64_t, 3> met{};

}  // namespace

std::atomic<bool> FaultPlan::armed_{false};

void FaultPlan::arm(const Plan& plan) {
  const std::lock_guard lock(mutex);
  current = plan;
  met.fill(0);
  armed_.store(true);
}

void FaultPlan::disarm() {
  const std::lock_guard lock(mutex);
  armed_.store(false);
}

std::uint64_t FaultPlan::seen(Where where) {
  const std::lock_guard lock(mutex);
  return met[static_cast<std::size_t>(where)];
}

std::optional<Error> FaultPlan::check_armed(Where where) {
  const std::lock_guard lock(mutex);
  if (!armed_.load()) return std::nullopt;
  const std::uint64_t k = ++met[static_cast<std::size_t>(where)];
  if (where != current.where || current.first == 0) return std::nullopt;
  if (k < current.first || k >= current.first + current.times) return std::nullopt;
  if (current.what == What::kKill) ::raise(SIGKILL);
  const ErrorCode code = where == Where::kAfterCommit ? ErrorCode::kUnknownOutcome : current.code;
  return Error{code, "fault planned by a test"};
}

}  // namespace essaim::storage
