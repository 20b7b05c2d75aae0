// Internationalised domain names (RFC 5890 to 5893, UTS 46 non-transitional) through libidn2. Everything
// inside works on A-labels ("xn--bcher-kva.example"): they are what DNS knows, and both ways of writing a
// domain become the same there. U-labels ("bücher.example") are what people write. Pure functions, thread-safe,
// input bounded.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::smtp {

// The domain with A-labels in lower case. An ASCII domain only changes its case and is not judged further.
// kInvalid says why it is no domain.
Result<std::string> domain_to_ascii(std::string_view domain);

// A domain that people wrote, as those of recipients are kept: the same, and what is no domain in lower case.
std::string kept_domain(std::string_view written);

// An address that people wrote, as ours and those of senders are compared: in lower case, its domain so, too. What has no "@" is
// only lowered, and nothing is judged.
std::string kept_address(std::string_view written);

}  // namespace essaim::smtp
