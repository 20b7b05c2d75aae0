// What a result holds, where the test does not go on without; on any thread, so it throws. For tests.
#pragma once

#include <stdexcept>
#include <utility>

#include "core/base/result.h"

namespace essaim::test {

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
inline void must(const Result<void>& result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
}

}  // namespace essaim::test
