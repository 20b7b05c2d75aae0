// Bytes that many share and nobody changes: the common part of a rendering, sent to every recipient from one
// buffer.
#pragma once

#include <memory>
#include <string>

namespace essaim {
using SharedBytes = std::shared_ptr<const std::string>;
inline SharedBytes share(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}
}  // namespace essaim
