#include "core/base/result.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/base/log_output.h"

namespace essaim {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kExists:
      return "exists already";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kTemporary:
      return "temporary failure";
    case ErrorCode::kUnknownOutcome:
      return "outcome unknown";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kIo:
      return "input/output error";
    case ErrorCode::kDamaged:
      return "damaged";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal error";
  }
  return "internal error";
}

Error io_error(const std::string& what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  return {full ? ErrorCode::kExhausted : ErrorCode::kIo, what + ": " + std::strerror(number)};
}

void check_failed(const char* condition, const char* file, int line) {
  log::flush_before_abort();
  std::fprintf(stderr, "essaim: invariant broken at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace essaim
