// A seam for tests: makes the k-th statement or COMMIT of the whole process fail, or kills the process there,
// so that every point of a scenario can be tried in turn. Consulted by the engines; costs one relaxed load
// when not armed. Thread-safe; arm and disarm while no database works are under way if `seen` is to be exact.
//
// A whole program is armed by its environment (tests/faults), ESSAIM_FAULT=WHERE:K[:TIMES[:CODE]], with WHERE
//   statement       the statement fails
//   commit          COMMIT fails
//   commit-lost     COMMIT succeeds and its answer is lost
//   commit-unknown  COMMIT fails and its answer is lost
// and CODE io (the default), temporary, exhausted or conflict. What was made to fail is told on standard error.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/result.h"

namespace essaim::storage {

class FaultPlan {
 public:
  enum class Where {
    kStatement,  // before a statement runs (reads and writes of works; not the engine's own BEGIN, SAVEPOINT
                 // ...)
    kBeforeCommit,  // COMMIT fails and nothing is committed
    kAfterCommit,   // COMMIT succeeds, but the answer is lost: reported as kUnknownOutcome
  };
  enum class What { kFail, kKill };
  struct Plan {
    Where where = Where::kStatement;
    std::uint64_t first = 1;  // the k-th one fails, counted from 1 since arm(); 0: only count
    std::uint64_t times = 1;  // this many in a row
    What what = What::kFail;
    ErrorCode code = ErrorCode::kIo;
  };

  static void arm(const Plan& plan);
  static void disarm();
  // What ESSAIM_FAULT says; nothing if it is not understood.
  static std::optional<Plan> parse(std::string_view text);
  // Statements (or commits) met since arm().
  static std::uint64_t seen(Where where);
  // For the engines: an error if this event is to fail.
  static std::optional<Error> check(Where where) {
    if (!armed_.load(std::memory_order_relaxed)) return std::nullopt;
    return check_armed(where);
  }

 private:
  static std::optional<Error> check_armed(Where where);
  static std::atomic<bool> armed_;
};

}  // namespace essaim::storage
