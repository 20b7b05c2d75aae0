// What was verified about a message, as octets that are stored with it while it waits for somebody: when it goes out, its
// author is planned for, and the message is sealed, by what was found when it came. Nothing is looked up again: the client
// is gone, and keys may be.
//
// Signatures themselves are not in it, they are read from the message's own fields. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/mailauth/message_check.h"

namespace essaim::mailauth {

std::string kept_authentication(const Authentication& authentication);

// `header`: of the same message, as it came. kDamaged: written by another version, cut, or of another message.
Result<Authentication> authentication_kept(std::string_view octets, const mail::HeaderBlock& header);

}  // namespace essaim::mailauth
