// One header field in ASCII; a part of downgrade.h. Pure function, linear time.
#pragma once

#include <optional>
#include <string>

#include "core/mail/header_block.h"

namespace essaim::mail {

// The whole field, folded, with its CRLF. Nothing if an address in it is not ASCII, or it cannot be folded.
std::optional<std::string> downgraded_field(const HeaderField& field);

}  // namespace essaim::mail
