// The client's side of an SMTP connection, sans-I/O: bytes, time and answers in; bytes, requests and outcomes
// out through Output. It knows no socket, clock or loop, so it is tested as transcripts and fuzzed directly
// (on_bytes()).
//
//   kGreeting --220--> kEhlo --250----------------------------------> kIdle
//                       | 5xx   \ STARTTLS offered                     | next()
//                       v        v                                     v
//                     kHelo    kStartTls --220--> kHandshake --+   kEnvelope --354--> kBody --drained-->
//                     kFinalDot
//                       | 250      | refused         kEhlo <---+       | all refused | reply
//                       +--> kIdle <-- in clear                        +-----------> kIdle
//                       <-----------------+
//
// With CHUNKING (when the settings and the post allow it) BDAT LAST takes the place of DATA and the final
// dot. A body that is not large goes out in the turn of its envelope, so that kBody and kFinalDot may begin
// with replies to MAIL and RCPT outstanding (RFC 3030 §4.2).
//
//   every state: close, reset, timeout, nonsense, 421, a reply out of turn --> kDone
//
// It takes turns: while replies are outstanding it says nothing, and it speaks only when nothing of a further
// reply has come. So a server that talks out of turn is found out before a reply can be matched to the wrong
// command. With PIPELINING one turn is RSET, MAIL, RCPT..., DATA (RFC 2920); without, one command. With
// `chain_transactions` the next envelope goes out behind the final dot.
//
// Owner: the Courier (or a test). Thread: the owner's. Output is called from within the inputs; it must not
// call an input from there. After on_done() all inputs are ignored. Each recipient given by next() gets
// exactly one outcome, before on_done() at the latest. Errors are outcomes and End; what they mean is decided
// in failure_policy.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/reply_reader.h"
#include "delivery/client/capabilities.h"
#include "delivery/client/exchange.h"
#include "delivery/client/session_state.h"
#include "delivery/failure_policy.h"
#include "delivery/tls/host_tls.h"

namespace essaim::delivery {

// What is asked of TLS on the connection.
struct TlsTerms {
  std::string
      required;  // not "": nothing is sent without TLS, a handshake that fails is the end; says who wants it
  RequireTls require_tls = RequireTls::kNo;
};

class ClientSession {
 public:
  // Why it is over.
  struct End {
    bool ready = false;           // EHLO was answered
    bool orderly = false;         // QUIT was written: close when it has gone; else close at once
    bool retry_in_clear = false;  // TLS could not be negotiated: the same host without it
    bool tls_lost = false;        // then: the connection went or hung, which may be the network's doing
    // The host let us in and took nothing (`reply` says why): the next one may take what has come back.
    bool next_host = false;
    Stage stage = Stage::kLost;
    smtp::Reply reply;  // code 0: nothing went wrong; the text says why it ended
    bool from_peer = false;
  };

  class Output {
   public:
    virtual void write(std::string_view bytes) = 0;  // copied
    virtual void write_shared(const SharedBytes& bytes, std::size_t offset, std::size_t length) = 0;
    virtual void start_tls() = 0;  // answered by on_tls_established() or on_closed()
    virtual void on_ready() = 0;
    virtual bool next(Transaction* transaction) = 0;  // false: nothing now, wake() follows
    // Whether the message may still go out, asked before its first octet: its final dot goes with it.
    virtual bool may_send_message() { return true; }
    // Whether there is another host to ask. True once, recipients may come back for it, and the end says so.
    virtual bool more_hosts() { return false; }
    // For these recipients of the transaction: one reply may be the word on all of them.
    virtual void on_outcome(const Transaction& transaction, const Outcome& outcome, Indices recipients) = 0;
    virtual void on_done(const End& end) = 0;                  // last, once
    virtual void trace(char side, std::string_view line) = 0;  // only while set_trace(true)

   protected:
    ~Output() = default;
  };

  // `peer` is for texts: "mx.example.org[192.0.2.1]:25". `settings`, `minter` and `output` outlive the
  // session.
  ClientSession(const CourierSettings& settings, const TokenMinter& minter, std::string peer, bool tls,
                Output* output, TlsTerms terms = {});

  void on_connected(MonoTime now);
  void on_bytes(std::string_view bytes, MonoTime now);
  void on_tls_established(MonoTime now);
  void on_write_progress(MonoTime now);  // some of the body has gone
  void on_drained(MonoTime now);         // all that was written has gone
  void on_closed(const Error& reason, bool during_tls, MonoTime now);
  void on_timer(MonoTime now);  // at or after deadline()
  void wake(MonoTime now);      // next() has something again
  void close(MonoTime now);     // after the transactions under way
  // As if the time were over; only before_message().
  void give_up(MonoTime now);
  void set_trace(bool on) { trace_ = on; }

  std::optional<MonoTime> deadline() const { return deadline_; }
  SessionState state() const { return state_; }
  // The peer has the word, and has nothing of a message: what is ended now cannot have been taken.
  bool before_message() const;
  MonoTime waits_since() const { return waits_since_; }  // for the reply that is next, or in this state
  // That the message under way has taken to go out, until the last of it that is known to have gone, or to its reply; also in an
  // outcome that it has.
  Duration sending() const { return sending_; }
  const Capabilities& capabilities() const { return capabilities_; }
  int transactions() const { return done_; }  // finished on this connection

 private:
  enum class Await : std::uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kStartTls,
    kRset,
    kMail,
    kRcpt,
    kData,
    kEmptyDot,
    kFinalDot,
    kChunk
  };
  enum class Say : std::uint8_t {
    kNothing,
    kEhlo,
    kHelo,
    kStartTls,
    kTransaction,
    kEnvelope,
    kBody,
    kEmptyBody
  };

  // client_session.cc: inputs, turns, the end
  void enter(SessionState state);
  void command(std::string_view line, Await await);
  void on_reply(smtp::Reply reply);
  void on_out_of_turn(const smtp::Reply& reply);
  void speak();
  void quit(std::string why);
  void end(const smtp::Reply& reply, bool from_peer, bool timed_out);
  void finish(End result);
  bool awaiting() const { return first_ < awaits_.size(); }
  smtp::Reply own_reply(std::string_view enhanced, const std::string& what) const;

  // greeting.cc: from the connection to the first transaction
  void on_greeting(const smtp::Reply& reply);
  void on_ehlo(const smtp::Reply& reply, bool helo);
  void on_starttls(const smtp::Reply& reply);
  void become_ready();
  void say_unfit(Stage stage, const smtp::Reply& reply);
  void say_without_tls(const std::string& what);
  void fail_early(Stage stage, const smtp::Reply& reply, bool from_peer);
  void fail_handshake(const std::string& how, bool lost);
  Stage early_stage() const;

  // transaction.cc: commands
  void begin_transaction();
  bool may_start() const;
  bool take_next(Exchange* exchange);
  void say_envelope(Exchange* exchange);
  void append_mail(const Exchange& exchange);
  void append_rcpt(const Exchange& exchange);
  void end_command(std::size_t begin, Await await);
  bool stopped_before_message();
  void say_body();
  void say_chunk(Exchange* exchange);
  std::size_t recipients_limit() const;
  std::size_t name_domains(const Transaction& transaction, std::size_t count);
  void flush();
  void queue(Await await) { awaits_.push_back(await); }

  // outcomes.cc: replies of a transaction, and what they mean
  void on_rset(const smtp::Reply& reply);
  void on_mail(smtp::Reply reply);
  void on_rcpt(smtp::Reply reply);
  void on_data(smtp::Reply reply);
  void on_empty_dot(const smtp::Reply& reply);
  void on_final_dot(smtp::Reply reply);
  void on_chunk(smtp::Reply reply);
  void conclude_accepted(smtp::Reply reply);
  void after_envelope_reply();
  void finish_transaction();
  void conclude(Exchange* exchange, std::size_t position, Outcome* outcome);
  void conclude_all(Exchange* exchange, bool also_open, Outcome* outcome);
  void tell(const Exchange& exchange, Outcome* outcome);
  void conclude_open(Exchange* exchange, Stage stage, const smtp::Reply& reply, bool from_peer, bool progress,
                     bool bdat = false);
  Verdict judge(Trouble trouble);
  void conclude_lost(const smtp::Reply& reply, bool from_peer, bool timed_out);
  void conclude_rest(const End& end);
  bool may_chain() const;
  void refuse_chain();
  bool lost_the_chain(const smtp::Reply& reply);
  void look_at_limit(const smtp::Reply& reply);
  void keep_to_limit();
  void remember_limit();
  void note_sending();
  void try_more_than_limit();
  void on_unexpected(const smtp::Reply& reply, const char* command);

  const CourierSettings& settings_;
  const TokenMinter& minter_;
  const std::string peer_;
  Output* const output_;
  bool want_tls_;
  const TlsTerms terms_;
  bool tls_active_ = false;
  bool trace_ = false;
  bool ready_ = false;
  bool closing_ = false;
  bool needs_rset_ = false;
  SessionState state_ = SessionState::kGreeting;
  MonoTime now_{};
  MonoTime waits_since_{};
  Duration sending_{};
  std::optional<MonoTime> deadline_;
  smtp::ReplyReader reader_;
  Capabilities capabilities_;
  std::vector<Await> awaits_;  // replies outstanding, from first_ on
  std::size_t first_ = 0;
  Say say_ = Say::kNothing;
  std::string out_;                       // commands of the turn
  std::string address_;                   // scratch
  std::vector<std::uint16_t> concluded_;  // scratch: who shares the outcome that is told
  Exchange current_;
  // Recipients that were given and are for the next transaction: more than the server takes in one (LIMITS),
  // or of a domain too many. No batch: none.
  Transaction rest_;
  // Recipients, from "too many recipients", here or on a connection before; 0: none.
  std::size_t learned_limit_ = 0;
  bool limit_is_firm_ = false;        // the host ended a connection over it
  int within_limit_ = 0;              // transactions that used it up and were taken whole
  std::vector<std::string> domains_;  // named so far, when the server limits them
  bool domains_full_ = false;
  bool chunking_ = false;
  Exchange chained_;               // its envelope went out behind the final dot of current_
  bool took_mail_ = false;         // a message was accepted on this connection
  std::optional<End> leaves_for_;  // the next host, when what is under way is over
  int started_ = 0;                // transactions begun on this connection
  int done_ = 0;
};

}  // namespace essaim::delivery
