// The seam between the SMTP session and what decides about mail: which recipients exist, and what becomes of
// a message. The session knows neither lists nor storage; the daemon binds an Intake to both.
//
// Threads: the functions are called on the session's loop and must not block. The completion they get is
// called exactly once, on any thread, also from within the call; SessionConnection brings it to the session's
// loop, and drops it there when the session has gone. A completion that never comes costs the client a 451
// after SessionLimits::answer_deadline.
//
// Lifetime: the Intake outlives all sessions. References are valid during the call only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/sasl/login.h"
#include "core/smtp/address.h"
#include "core/smtp/dsn_parameters.h"
#include "core/smtp/message_buffer.h"
#include "core/smtp/reply.h"
#include "smtpd/settings/listener_role.h"

namespace essaim::smtpd {

// For whom a relay of ours hands a message on, as it says by XFORWARD.
struct ForwardedClient {
  std::string ip;            // as in ClientInfo; never empty
  std::string reverse_name;  // verified by the relay; empty: unknown
  std::string helo;          // likewise not trusted; empty: unknown
};

struct ClientInfo {
  std::string ip;  // "192.0.2.1", "2001:db8::1"
  std::uint16_t port = 0;
  std::string proxy;         // "10.0.0.1:4711", the load balancer it came through; empty: by itself
  bool check = false;        // the load balancer itself, to see whether we are well
  std::string reverse_name;  // verified name of the address; empty: unknown
  std::string helo;          // as the client says; not trusted, escaped where shown; empty before HELO
  bool esmtp = false;        // EHLO, not HELO
  bool tls = false;
  std::string tls_version;
  std::string tls_cipher;
  ListenerRole role = ListenerRole::kMx;
  std::shared_ptr<const sasl::Login> login{};  // null: nobody we know
  std::optional<ForwardedClient> forwarded{};  // of a transaction; none: the client speaks for itself
};

// From MAIL to the end of data.
struct TransactionInfo {
  Id post_id =
      0;  // given at MAIL, so that every log line of the transaction bears it; the queue id of the reply
  smtp::Address reverse_path;  // empty: the null sender
  bool body_8bit = false;
  std::optional<std::uint64_t> declared_size;  // octets, of MAIL SIZE=
  ClientInfo client;
  bool smtputf8 = false;          // addresses and headers may be UTF-8 (RFC 6531)
  smtp::DsnMailParameters dsn{};  // RET and ENVID
  bool require_tls = false;       // REQUIRETLS (RFC 8689)
};

// What an accepted recipient is, for the Intake alone: it derives its own type.
struct LocalTarget {
  virtual ~LocalTarget() = default;
};

struct RecipientAnswer {
  smtp::Reply reply;  // 2xx accepts; 4xx and 5xx refuse, with the deciding rule in the text
  std::shared_ptr<const LocalTarget> target;
  std::uint64_t max_size = 0;  // octets; 0: no limit of its own. A larger declared size is refused at RCPT.
  bool elsewhere = false;      // to be relayed
  // So many recipients the transaction may have, one at least, the same for each that is accepted; 0: no limit of its own. When
  // there are so many, nobody is asked about others: they get 452.
  std::uint64_t most_together = 0;
};

struct AcceptedRecipient {
  smtp::Address address;  // as given; an empty domain for <postmaster>
  std::shared_ptr<const LocalTarget> target;
  smtp::DsnRcptParameters dsn{};  // NOTIFY and ORCPT
};

// Whether somebody waits for what becomes of a message. Set by the session, read on any thread.
using Awaited = std::atomic<bool>;

struct IncomingMessage {
  TransactionInfo transaction;
  std::vector<AcceptedRecipient> recipients;  // at least one, none twice
  // Lines end with CRLF as received, transparency dots taken away, no Received header of ours (see
  // received.h).
  std::unique_ptr<smtp::MessageBuffer> content;
  WallTime received{};  // when the end of data was read
  // False once the client has gone, or has been told to try again: what has not begun need not. Null: it is awaited.
  std::shared_ptr<const Awaited> awaited{};
};

class Intake {
 public:
  virtual ~Intake() = default;

  // At MAIL, answered at once: a reply refuses the sender.
  virtual std::optional<smtp::Reply> check_sender(const TransactionInfo&) { return std::nullopt; }

  virtual void check_recipient(const TransactionInfo& transaction, const smtp::Address& recipient,
                               std::function<void(RecipientAnswer)> done) = 0;

  // At the end of data. A 2xx says that the message is stored durably; nothing else may say so.
  virtual void submit(std::unique_ptr<IncomingMessage> message, std::function<void(smtp::Reply)> done) = 0;
};

}  // namespace essaim::smtpd
