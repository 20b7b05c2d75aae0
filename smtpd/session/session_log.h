// The log lines of a session, in one place. Values are the peer's; the log escapes them.
#pragma once

#include <string_view>

#include "core/base/clock.h"
#include "smtpd/session/actions.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

void log_connect(const ClientInfo& client);
// `reason` is empty when we ended it in order.
void log_disconnect(const ServerSession& session, Duration lasted, std::string_view reason);
void log_reject(const ClientInfo& client, const Rejection& rejection);
void log_received(const Reception& reception);
// Only counted: log_reject() has the line.
void count_not_taken(const smtp::Reply& answer);
void log_incident(const ClientInfo& client, std::string_view what, std::string_view detail);

}  // namespace essaim::smtpd
