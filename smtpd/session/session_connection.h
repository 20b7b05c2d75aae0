// Runs a ServerSession on a network connection: descriptor, deadlines, TLS, questions to the Intake, log and
// trace.
//
// Thread: the loop's. Owner: whoever accepted the descriptor. `finished` is called once, last, from within a
// callback of the loop; the owner then hands the object to EventLoop::destroy_later(). Destroying it earlier
// (outside of its callbacks) cuts the connection. The loop, and what the environment points to, outlive it
// and all completions that the Intake still holds.
//
// With a guard in the environment, a client that it refuses is told so instead of the greeting, and gets one
// log line (reject); rates, errors and stress are the guard's too.
//
// Log lines: connect, disconnect (with counts), reject, received, and what is suspicious.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/net/connection.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"
#include "smtpd/guard/guard.h"
#include "smtpd/session/actions.h"
#include "smtpd/session/intake.h"
#include "smtpd/session/origin.h"
#include "smtpd/session/server_session.h"
#include "smtpd/session/settings.h"

namespace essaim::smtpd {

// What all sessions of a listener share; immutable. A reload makes a new one, and sessions keep theirs.
struct SessionEnvironment {
  SessionSettings settings;
  std::shared_ptr<net::TlsServerContext> tls;  // null: STARTTLS is not offered
  ListenerRole role = ListenerRole::kMx;
  Authenticator* authenticator = nullptr;  // of listeners for submission
  Intake* intake = nullptr;
  smtp::MemoryBudget* budget = nullptr;
  IdGenerator* ids = nullptr;
  const Clock* clock = nullptr;
  // Null: nobody is limited. What comes from ourselves is not limited either, but needs room on the disk.
  guard::Guard* guard = nullptr;
};

class SessionConnection final : public net::Disposable,
                                private net::Connection::Listener,
                                private SessionActions {
 public:
  using Finished = std::function<void(SessionConnection*)>;
  // Gets each line without its CRLF, direction 'C' or 'S': in the format of the transcripts once written as
  // "C: line". Lines are the peer's and not escaped. Called on the loop's thread.
  using TraceSink = std::function<void(char direction, std::string_view line)>;

  // Takes over the descriptor. The greeting goes out at once, so a trace that shall show it is given here.
  SessionConnection(net::EventLoop& loop, int fd, Origin origin,
                    std::shared_ptr<const SessionEnvironment> environment, Finished finished,
                    TraceSink trace = nullptr);
  ~SessionConnection() override;
  void on_doomed() override;  // cut, when it has not finished

  // 421 as soon as no transaction is open; `finished` follows.
  void shut_down(bool in_transaction = false) {
    if (alive_ && !closing_) session_.shut_down(in_transaction);
  }
  void set_trace(TraceSink trace) { trace_ = std::move(trace); }
  const ClientInfo& client() const { return session_.client(); }

 private:
  // net::Connection::Listener
  void on_data(std::string_view bytes) override;
  void on_drained() override;
  void on_tls_established(const net::TlsInfo& info) override;
  bool on_input_ended() override;
  void on_closed(const Error& reason, bool during_tls) override;

  // SessionActions
  void send(std::string_view bytes) override;
  void start_tls() override;
  void close() override;
  void set_deadline(Duration from_now) override;
  void set_client_deadline(Duration from_now, Duration under_stress) override;
  std::optional<smtp::Reply> admit_mail() override;
  std::optional<smtp::Reply> admit_recipient() override;
  void pause_input() override;
  void resume_input() override;
  std::optional<smtp::Reply> check_sender(const TransactionInfo& transaction) override;
  void ask_recipient(Ticket ticket, const TransactionInfo& transaction,
                     const smtp::Address& recipient) override;
  void ask_login(Ticket ticket, LoginQuestion question) override;
  void submit(Ticket ticket, std::unique_ptr<IncomingMessage> message) override;
  Id new_post_id() override;
  WallTime wall_now() override;
  void on_rejected(const Rejection& rejection) override;
  void on_received(const Reception& reception) override;
  void on_not_taken(const smtp::Reply& answer) override;
  void on_incident(std::string_view what, std::string_view detail) override;
  void trace(char direction, std::string_view line) override;

  void on_deadline();
  void steer_reading();
  void after_answer();
  void finish(std::string_view reason);
  void leave();
  void await_no_more();

  net::EventLoop& loop_;
  const std::shared_ptr<const SessionEnvironment> environment_;
  guard::Guard* const guard_;  // null: this client is not limited
  Finished finished_;
  TraceSink trace_;
  const MonoTime began_;
  // What completions on their way look at: empty once the session has ended.
  std::shared_ptr<SessionConnection*> alive_;
  net::Timer deadline_;
  // With a guard, what the client has to do is timed in slices: at the end of each, stress ends the wait.
  std::optional<MonoTime> patience_ends_;
  Duration slice_{};
  bool admitted_ = true;
  bool counted_ = false;  // by the guard, which must be told of the end
  std::unique_ptr<net::Connection> connection_;
  ServerSession session_;
  std::shared_ptr<Awaited> awaited_;  // what was submitted last
  bool session_paused_ = false;
  bool output_full_ = false;
  bool reading_ = true;
  bool closing_ = false;
  bool input_ended_ = false;  // while the session was waiting
  bool lost_ = false;         // and it did not end by QUIT
};

}  // namespace essaim::smtpd
