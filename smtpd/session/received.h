// The Received header that whoever stores the message puts before it (RFC 5321 §4.4). Pure.
//
//   Received: from helo (reverse [192.0.2.1])
//   \tby hostname (Essaim) with ESMTPS id 0a1b2c3d4e5f6 (TLSv1.3 TLS_AES_256_GCM_SHA384)
//   \tfor <list@lists.example>; Sun, 22 Nov 2026 18:52:04 +0000
#pragma once

#include <string>

#include "smtpd/session/intake.h"

namespace essaim::smtpd {

// Lines end with CRLF. "for" is written when the message has one recipient, so that none learns of the
// others.
// `hides_submitters`: of who has logged in, neither name nor address is told.
std::string make_received_header(const IncomingMessage& message, const std::string& hostname,
                                 bool hides_submitters = false);

}  // namespace essaim::smtpd
