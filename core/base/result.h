// Result<T>: a value or an Error. For failures that are expected; a refusal (Reply, Outcome, Disposition) is
// a value, not an error, and a broken invariant aborts (see check.h). Thread-compatible like the T inside.
#pragma once

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace essaim {

enum class ErrorCode {
  kInvalid,         // the input is wrong; trying again cannot help
  kNotFound,        // the thing named does not exist
  kExists,          // a unique key is taken
  kConflict,        // somebody else changed it first (fencing, stale revision); read again
  kTemporary,       // may work later (database locked, name server silent, peer gone)
  kUnknownOutcome,  // storage only: the commit may or may not have happened
  kExhausted,       // a budget, descriptor table, disk or memory is used up
  kIo,              // the operating system reported an error
  kDamaged,         // stored data fails its checks
  kCancelled,       // the asker or the program is going away
  kInternal,
};

const char* to_string(ErrorCode code);

// What went wrong, for the operator: `message` names the thing and the place.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

// What the operating system said with `number`: "<what>: No such file or directory". kExhausted when the disk or a quota is
// full or the file too large, else kIo.
Error io_error(const std::string& what, int number = errno);

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    ESSAIM_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    ESSAIM_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    ESSAIM_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    ESSAIM_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    ESSAIM_CHECK(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace essaim

// Leaves the calling function with the error of `expression` (a Result of any type) if it failed.
#define ESSAIM_TRY(expression)                                                                              \
  do {                                                                                                      \
    if (auto&& essaim_try_result = (expression); !essaim_try_result.ok()) return essaim_try_result.error(); \
  } while (false)
