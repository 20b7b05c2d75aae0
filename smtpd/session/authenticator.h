// The seam between the SMTP session and what knows accounts: who is it? The session speaks SASL (core/sasl) and knows neither accounts
// nor storage; the daemon binds an Authenticator to both.
//
// Threads: ask() is called on the session's loop and must not block. `done` is called exactly once, on any thread, also from within the
// call; SessionConnection brings it to the session's loop. One that never comes costs the client a 454 after
// SessionLimits::answer_deadline.
//
// Lifetime: the Authenticator outlives all sessions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sasl/login.h"
#include "core/sasl/mechanism.h"
#include "core/sasl/scram_verifier.h"
#include "core/sasl/server_exchange.h"
#include "core/smtp/reply.h"

namespace essaim::smtpd {

struct LoginQuestion {
  sasl::Question asked;
  sasl::Mechanism mechanism = sasl::Mechanism::kPlain;
  std::string client_ip;
  std::vector<std::string> certificate_emails;  // of the client's certificate, if it is good
};

struct LoginAnswer {
  std::shared_ptr<const sasl::Login> login;     // null: no. Why is not told
  std::optional<sasl::ScramVerifier> verifier;  // to kVerifier, also for who is unknown
  std::optional<smtp::Reply> trouble;           // neither yes nor no: 454
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual void ask(LoginQuestion question, std::function<void(LoginAnswer)> done) = 0;
};

// What a session knows of the TLS connection underneath it.
struct TlsSession {
  std::string version, cipher;
  sasl::ChannelBinding binding;
  std::vector<std::string> certificate_emails;  // of the client's certificate, if it is good
};

}  // namespace essaim::smtpd
