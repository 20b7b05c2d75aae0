// Message-ID (RFC 5322 §3.6.4), in ONE form everywhere in Essaim: "<left@right>", with the angle brackets,
// without comments and white space, case as it came.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/mail/header_block.h"

namespace essaim::mail {

// Reads "<a@b>", "a@b", " (comment) <a @ b> ". Tolerated: ids without "@", which exist. Nothing for an empty
// value, for control characters and for more than 998 octets.
std::optional<std::string> normalised_message_id(std::string_view value);

// In-Reply-To and References of an answer to the message of this id. It comes from outside: what cannot be written as it is,
// is left out; so is "".
Result<void> insert_in_reply_to(HeaderBlock* header, std::string_view id);

// Of the first Message-ID field.
std::optional<std::string> message_id_of(const HeaderBlock& header);

}  // namespace essaim::mail
