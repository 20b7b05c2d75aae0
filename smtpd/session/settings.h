// What a session is allowed and told. Immutable while sessions use it; shared by all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/network.h"
#include "core/sasl/mechanism.h"
#include "core/smtp/data_decoder.h"
#include "core/smtp/message_buffer.h"

namespace essaim::smtpd {

struct SessionLimits {
  std::size_t max_recipients = 1'000;      // accepted in one transaction (RFC 5321 §4.5.3.1.8 asks for 100)
  std::size_t max_rcpt_commands = 10'000;  // in one transaction, accepted or not
  std::uint64_t max_message_octets = 25'000'000;
  std::size_t max_errors = 20;              // 5xx since the last accepted message
  std::size_t max_junk_commands = 100;      // commands that bring no mail, since the last accepted message
  std::size_t max_transactions = 1'000;     // in one connection
  std::size_t max_auth_failures = 3;        // in one connection, since the last login
  std::size_t max_pending_octets = 65'536;  // commands that wait; reading pauses beyond
  std::size_t max_skipped_octets =
      262'144;  // of one command line that is too long, then the connection is cut
  Duration command_deadline = std::chrono::seconds(300);  // RFC 5321 §4.5.3.2.7
  Duration data_block_deadline =
      std::chrono::seconds(180);          // for each data_block_octets; RFC 5321 §4.5.3.2.5
  std::size_t data_block_octets = 4'096;  // so a trickle of single octets does not last for ever
  // Of a message under way, measured over each data_rate_window; it replaces the rule of the blocks. 0: none.
  std::uint64_t min_data_octets_per_second = 0;
  Duration data_rate_window = std::chrono::seconds(60);
  Duration tls_deadline = std::chrono::seconds(60);
  Duration answer_deadline = std::chrono::seconds(240);  // for what we ask inside; clients wait 300 s at RCPT
  // For what the client has to do while resources are short (see smtpd/guard): who does nothing leaves first.
  Duration stress_deadline = std::chrono::seconds(10);
  Duration close_deadline = std::chrono::seconds(10);  // for a peer that does not take our last words
};

// What EHLO announces besides PIPELINING, SIZE, 8BITMIME and ENHANCEDSTATUSCODES. Parameters and commands of
// what is not announced are refused. SMTPUTF8, DSN and REQUIRETLS are promises that others have to keep: whoever
// switches them on takes TransactionInfo::smtputf8, require_tls and the two `dsn` into account behind the Intake.
struct SessionExtensions {
  bool chunking = true;      // RFC 3030, without BINARYMIME
  bool limits = true;        // RFC 9422
  bool smtputf8 = false;     // RFC 6531
  bool dsn = false;          // RFC 3461
  bool require_tls = false;  // RFC 8689, under TLS
};

// Clients that talk before it is their turn (RFC 5321 §4.3.1, RFC 2920 §3.1): senders of spam in a hurry, and
// what somebody has put between the commands of another. They are told so and cut off.
struct EarlyTalk {
  Duration greeting_pause{};         // the greeting waits so long for early talkers; 0: it goes out at once
  bool cut_before_greeting = true;   // octets within that pause
  bool cut_behind_data = true;       // octets behind DATA before our 354
  bool cut_behind_ehlo = false;      // commands behind the first EHLO or HELO: nothing was announced yet
  bool cut_behind_starttls = false;  // else they are dropped
};

// Of a listener for submission (RFC 6409): mail only from those who have logged in, and that only under TLS.
struct LoginSettings {
  bool required = false;
  bool implicit_tls = false;  // the handshake comes first (RFC 8314)
  std::vector<sasl::Mechanism> mechanisms;
  std::size_t max_relay_recipients = 100;  // in one transaction
  // Then it is proven anew, on another connection: a directory or an authorization server does not tell whom it has locked.
  Duration max_age = std::chrono::hours(1);
};

struct SessionSettings {
  std::string hostname;
  std::vector<Network> forwarders;  // relays of ours that say by XFORWARD for whom they hand on
  SessionLimits limits;
  SessionExtensions extensions;
  EarlyTalk early_talk;
  LoginSettings login;
  smtp::BareLineEnds bare_line_ends = smtp::BareLineEnds::kRefuse;
  std::string spill_directory = "/tmp";
  std::size_t spill_threshold = smtp::MessageBuffer::kDefaultThreshold;
};

}  // namespace essaim::smtpd
