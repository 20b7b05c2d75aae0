// Body canonicalisation as RFC 6376 §3.4.3 and §3.4.4 tell it, on a whole body in memory: what the streaming one is
// compared with.
#pragma once

#include <string>
#include <string_view>

#include "core/mailauth/canonical.h"

namespace essaim::mailauth {

std::string naive_canonical_body(std::string_view body, Canonicalization canonicalization);

}  // namespace essaim::mailauth
