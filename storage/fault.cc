#include "storage/fault.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "core/base/text.h"

namespace essaim::storage {

namespace {

std::mutex mutex;
FaultPlan::Plan current;
std::array<std::uint64_t, 3> met{};

}  // namespace

constinit std::atomic<bool> FaultPlan::armed_{false};

namespace {

// Before main(): the first statement is counted, too.
const bool from_environment = [] {
  const char* text = std::getenv("ESSAIM_FAULT");
  if (text == nullptr) return false;
  const auto plan = FaultPlan::parse(text);
  if (plan) FaultPlan::arm(*plan);
  return plan.has_value();
}();

}  // namespace

std::optional<FaultPlan::Plan> FaultPlan::parse(std::string_view text) {
  std::array<std::string_view, 4> parts{"", "1", "1", "io"};
  std::size_t count = 0;
  for (bool more = true; more && count < parts.size(); ++count) {
    const std::size_t colon = text.find(':');
    more = colon != std::string_view::npos;
    parts[count] = text.substr(0, colon);
    text.remove_prefix(more ? colon + 1 : text.size());
  }
  const auto first = parse_u64(parts[1]), times = parse_u64(parts[2]);
  if (count < 2 || !text.empty() || !first || !times) return std::nullopt;
  Plan plan;
  plan.first = *first;
  plan.times = *times;
  if (parts[3] == "temporary") {
    plan.code = ErrorCode::kTemporary;
  } else if (parts[3] == "exhausted") {
    plan.code = ErrorCode::kExhausted;
  } else if (parts[3] == "conflict") {
    plan.code = ErrorCode::kConflict;
  } else if (parts[3] != "io") {
    return std::nullopt;
  }
  if (parts[0] == "commit") {
    plan.where = Where::kBeforeCommit;
  } else if (parts[0] == "commit-lost") {
    plan.where = Where::kAfterCommit;
  } else if (parts[0] == "commit-unknown") {
    plan.where = Where::kBeforeCommit;
    plan.code = ErrorCode::kUnknownOutcome;
  } else if (parts[0] != "statement") {
    return std::nullopt;
  }
  return plan;
}

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
  if (from_environment)
    std::fprintf(stderr, "fault-planned number=%llu\n", static_cast<unsigned long long>(k));
  const ErrorCode code = where == Where::kAfterCommit ? ErrorCode::kUnknownOutcome : current.code;
  return Error{code, "fault planned by a test"};
}

}  // namespace essaim::storage
