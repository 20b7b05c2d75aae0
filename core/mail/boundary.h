// The delimiter of multiparts that we make (RFC 2046 §5.1.1): random, from the system's generator, so that no author can have put it
// into what becomes a part of them.
#pragma once

#include <string>

#include "core/base/encoding.h"
#include "core/base/random.h"

namespace essaim::mail {

inline std::string random_boundary() {
  return "=_" + hex_encoded(random_key(16));
}

}  // namespace essaim::mail
