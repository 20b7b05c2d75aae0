// Whether a client may use a name in MAIL or HELO (RFC 7208): libspf2 behind Answers. It is asked again when more
// answers are there; while some are missing its result means nothing. Pure computing on the caller's thread, off a
// loop or on it (a round costs some 30 µs).
//
// Budgets are the RFC's (§4.6.4): ten terms that need DNS, ten hosts of an MX, ten names of the client, two terms that find
// nothing; and Answers' own. To a client with IPv6 a host that has addresses of IPv4 only is no term that finds nothing.
#pragma once

#include <string>
#include <string_view>

#include "core/mailauth/answers.h"
#include "core/smtp/address.h"

namespace essaim::mailauth {

enum class SpfStatus { kNone, kNeutral, kPass, kFail, kSoftFail, kTempError, kPermError };
const char* to_string(SpfStatus status);

struct SpfResult {
  SpfStatus status = SpfStatus::kNone;
  std::string domain;  // that was checked
  std::string reason;  // of errors
};

// `sender`: of MAIL, or "postmaster" at the name of HELO.
SpfResult check_spf(std::string_view client_ip, const std::string& helo, const smtp::Address& sender,
                    Answers& answers);

}  // namespace essaim::mailauth
