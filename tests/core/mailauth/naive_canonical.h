// Canonicalisation as RFC 6376 §3.4.1 to §3.4.4 tell it, step by step and on what is whole in memory: what ours is
// compared with.
#pragma once

#include <string>
#include <string_view>

#include "core/mailauth/canonical.h"

namespace essaim::mailauth {

std::string naive_canonical_body(std::string_view body, Canonicalization canonicalization);
// Of one field, `name: value CRLF`.
std::string naive_canonical_field(std::string_view field, Canonicalization canonicalization);

}  // namespace essaim::mailauth
