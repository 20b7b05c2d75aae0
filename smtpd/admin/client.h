// The command line's side of the admin socket. Blocking, with deadlines; one request per connection.
#pragma once

#include <functional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "smtpd/admin/protocol.h"

namespace essaim::smtpd::admin {

// The result's JSON text. kNotFound: no server runs here (no socket, or nobody behind it); kIo: it may not be
// used, or it broke off; kTemporary: no answer in time; else the server's own error.
Result<std::string> call(const std::string& socket, const Request& request,
                         Duration patience = std::chrono::seconds(60));

// As call(), then gives each line until `each` gives false, the server goes away (ok), or something fails.
// `began` is called when the server has agreed.
Result<void> stream(const std::string& socket, const Request& request, const std::function<void()>& began,
                    const std::function<bool(const std::string& line)>& each);

}  // namespace essaim::smtpd::admin
