// Result<T>: a value or an Error. For failures that are expected; a refusal (Reply, Outcome, Disposition) is
// a value, not an error, and a broken invariant aborts (see check.h). Thread-compatible like the T inside.
#pragma once

#include <cerrno>
#include <concepts>
#include <new>
#include <string>
#include <utility>

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

// A union of its own: std::variant in its place makes the compiler write ten times as much for each T, in each file. Moving a T
// must not throw (it would end the process).
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : value_(std::move(value)), ok_(true) {}       // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT(google-explicit-constructor)
  Result(const Result& other) requires std::copy_constructible<T> : ok_(other.ok_) {
    if (ok_)
      ::new (static_cast<void*>(&value_)) T(other.value_);
    else
      ::new (static_cast<void*>(&error_)) Error(other.error_);
  }
  Result(Result&& other) noexcept { take(std::move(other)); }
  Result& operator=(Result other) noexcept {
    clear();
    take(std::move(other));
    return *this;
  }
  ~Result() { clear(); }

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }

  T& value() & {
    ESSAIM_CHECK(ok_);
    return value_;
  }
  const T& value() const& {
    ESSAIM_CHECK(ok_);
    return value_;
  }
  T&& value() && {
    ESSAIM_CHECK(ok_);
    return std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    ESSAIM_CHECK(!ok_);
    return error_;
  }

 private:
  // *this holds nothing.
  void take(Result&& other) noexcept {
    ok_ = other.ok_;
    if (ok_)
      ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
    else
      ::new (static_cast<void*>(&error_)) Error(std::move(other.error_));
  }
  void clear() {
    if (ok_)
      value_.~T();
    else
      error_.~Error();
  }

  union {
    T value_;
    Error error_;
  };
  bool ok_;
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
