// Whether a message is a machine's answer to another one: an out-of-office, a vacation notice, an acknowledgement. What a
// program sends of its own accord (reports of cron, commits, tickets) is none and may be posted. Pure functions.
#pragma once

#include <string_view>

#include "core/mail/header_block.h"

namespace essaim::lists {

// `subject`: decoded. Cost: linear in the header.
bool is_automatic_reply(const mail::HeaderBlock& header, std::string_view subject);

}  // namespace essaim::lists
