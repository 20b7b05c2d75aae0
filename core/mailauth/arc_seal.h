// Adds a set to an ARC chain (RFC 8617 §5.1): what we found (ARC-Authentication-Results), the message as we send it
// (ARC-Message-Signature), and a seal over the chain. Pure functions.
#pragma once

#include <string>

#include "core/mailauth/arc.h"
#include "core/mailauth/authentication_results.h"
#include "core/mailauth/sign.h"

namespace essaim::mailauth {

// The three fields to put on top of `header`, CRLF lines; "" where the chain must not go on (it has failed before, or
// has all the sets it may have), and where there is no From: field to sign (RFC 6376 §5.4). `body`: its hash in relaxed form; `chain`: what was found when the message came in.
std::string arc_fields(const mail::HeaderBlock& header, const Sha256Digest& body, const ArcResult& chain,
                       const AuthenticationResults& results, const SigningKey& key, WallTime now);

}  // namespace essaim::mailauth
