// Replies that name the rule which decided, always in the same form: "550 5.7.2 <words> [rule: <name>]". Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/smtp/reply.h"

namespace essaim::lists {

smtp::Reply refusal(int code, std::string_view enhanced, std::string_view words, std::string_view rule);
// 451 4.3.0, or 452 4.3.1 when disk or memory are used up: the sender keeps the message and tries again.
smtp::Reply storage_trouble(const Error& error);

}  // namespace essaim::lists
