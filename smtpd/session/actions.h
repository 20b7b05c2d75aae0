// What a ServerSession wants done: the outputs of the sans-I/O machine. Called on the session's thread, from
// within its inputs. No action may call an input of the session before it has returned.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "smtpd/session/authenticator.h"
#include "smtpd/session/intake.h"

namespace essaim::smtpd {

// Names one question; an answer with another ticket than the one awaited is ignored by the session.
using Ticket = std::uint64_t;

struct Rejection {
  std::string_view command;                      // "RCPT", "end of DATA", "GET"
  const TransactionInfo* transaction = nullptr;  // null outside of one
  const smtp::Address* recipient = nullptr;      // null unless one is concerned
  const smtp::Reply* reply = nullptr;
  bool junk = false;  // no mail client at all: other protocols, early talkers, endless lines
};

struct Reception {
  const TransactionInfo* transaction = nullptr;
  std::size_t recipients = 0;
  std::uint64_t octets = 0;
  const smtp::Reply* reply = nullptr;
};

class SessionActions {
 public:
  virtual void send(std::string_view bytes) = 0;
  virtual void start_tls() = 0;  // when what was sent has gone; on_tls_established() answers
  virtual void close() = 0;      // when what was sent has gone; the last action of the session
  virtual void set_deadline(Duration from_now) = 0;  // replaces the one before; on_timeout() answers
  // The same for what the client has to do: may become `under_stress` when resources get short, also while
  // it runs.
  virtual void set_client_deadline(Duration from_now, Duration under_stress) {
    static_cast<void>(under_stress);
    set_deadline(from_now);
  }
  virtual void pause_input() = 0;
  virtual void resume_input() = 0;

  // Rates of the client: a reply refuses the command.
  virtual std::optional<smtp::Reply> admit_mail() { return std::nullopt; }
  virtual std::optional<smtp::Reply> admit_recipient() { return std::nullopt; }

  virtual std::optional<smtp::Reply> check_sender(const TransactionInfo& transaction) = 0;
  virtual void ask_recipient(Ticket ticket, const TransactionInfo& transaction,
                             const smtp::Address& recipient) = 0;
  virtual void ask_login(Ticket ticket, LoginQuestion question) = 0;
  virtual void submit(Ticket ticket, std::unique_ptr<IncomingMessage> message) = 0;

  virtual Id new_post_id() = 0;
  virtual WallTime wall_now() = 0;

  // For the log and the trace.
  virtual void on_rejected(const Rejection& rejection) = 0;
  virtual void on_received(const Reception& reception) = 0;
  // A message was read, and this 4xx or 5xx is the answer to it; on_rejected() hears of it, too.
  virtual void on_not_taken(const smtp::Reply& answer) = 0;
  virtual void on_incident(std::string_view what, std::string_view detail) = 0;
  virtual void trace(char direction,
                     std::string_view line) = 0;  // 'C' or 'S', line without CRLF, not escaped

 protected:
  ~SessionActions() = default;
};

}  // namespace essaim::smtpd
