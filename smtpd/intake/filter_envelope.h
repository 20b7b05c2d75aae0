// What mail filters are told about a message that came in, and what their changes do to what was verified about it. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mailauth/message_check.h"
#include "smtpd/filters/milter_session.h"
#include "smtpd/session/intake.h"

namespace essaim::smtpd {

// Of the client for whom a relay of ours hands on, if it says so. Macros have the names that Sendmail gave them.
milter::Envelope filter_envelope(const IncomingMessage& message, const std::string& hostname);

// With signatures where their fields stand now (ChangedMessage::places); those whose fields are gone are gone.
std::shared_ptr<const mailauth::Authentication> with_moved_fields(
    const mailauth::Authentication& found, const std::vector<std::optional<std::size_t>>& places);

}  // namespace essaim::smtpd
