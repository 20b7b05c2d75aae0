// The server's side of an SMTP dialogue (RFC 5321), sans-I/O: bytes, time and answers in; SessionActions out.
// It knows no socket, clock, log file, list or database. One file for each verb: helo.cc, mail.cc, rcpt.cc,
// data.cc, bdat.cc, starttls.cc, auth.cc, xforward.cc, simple_commands.cc; content.cc takes the message of DATA and BDAT;
// server_session.cc drives them.
//
// Thread: one. Lifetime: the settings, the budget and the actions outlive it. It is bounded: see
// SessionLimits.
//
//   phase             what it waits for            leaves it by
//   kGreeting         whether the client talks     talk -> kClosed; the pause is over -> kCommand
//   kCommand          a command line               DATA -> kData; BDAT -> kChunk; RCPT -> kAwaitRecipient;
//                                                  STARTTLS -> kAwaitTls; AUTH -> kAuth, kAwaitLogin
//   kAuth             the response to a challenge  response -> kAuth, kAwaitLogin, kCommand
//   kData             message and CRLF.CRLF        the end: refused -> kCommand, else -> kAwaitSubmit
//   kChunk            the octets that BDAT named   the end: not the last, refused -> kCommand, else as kData
//   kAwaitRecipient   the answer about one RCPT    answer or deadline (451) -> kCommand
//   kAwaitSubmit      the answer about a message   answer or deadline (451) -> kCommand, transaction over
//   kAwaitLogin       the answer about who it is   answer -> kAuth, kCommand; deadline (454) -> kCommand
//   kAwaitTls         the handshake                established -> kCommand, all forgotten (with implicit TLS
//                                                  the session begins here); deadline -> kClosed
//   kClosed           nothing                      QUIT, 421 and 554 lead here
//
// Within kCommand three facts say which commands are in order: greeted (HELO or EHLO), a transaction (MAIL),
// and its recipients (RCPT). What does not fit is a 503. Commands that come while something is awaited wait,
// in order.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/smtp/command.h"
#include "core/smtp/data_decoder.h"
#include "core/smtp/parameters.h"
#include "smtpd/session/actions.h"
#include "smtpd/session/counts.h"
#include "smtpd/session/intake.h"
#include "smtpd/session/line_buffer.h"
#include "smtpd/session/settings.h"

namespace essaim::smtpd {

class ServerSession final : private smtp::DataDecoder::Sink {
 public:
  ServerSession(const SessionSettings& settings, bool tls_available, smtp::MemoryBudget& budget,
                SessionActions& actions);
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  void on_connected(ClientInfo client);  // first; sends the greeting
  // Instead of on_connected(): says why nothing is taken from this client, and closes.
  void on_refused(ClientInfo client, const smtp::Reply& why);
  void receive(std::string_view bytes);
  void on_tls_established(TlsSession tls);
  void on_recipient_answer(Ticket ticket, RecipientAnswer answer);
  void on_login_answer(Ticket ticket, LoginAnswer answer);
  void on_submit_answer(Ticket ticket, smtp::Reply reply);
  void on_timeout();
  // 421 4.3.2 as soon as no transaction is open; also within one, where the client is the one who waits, when
  // `in_transaction`. A message under way is finished in any case.
  void shut_down(bool in_transaction = false);

  bool closed() const { return phase_ == Phase::kClosed; }
  // For an answer; it may lead to replies although the client sends no more.
  bool waiting() const {
    return phase_ == Phase::kAwaitRecipient || phase_ == Phase::kAwaitSubmit || phase_ == Phase::kAwaitLogin;
  }
  const ClientInfo& client() const { return client_; }
  const SessionCounts& counts() const { return counts_; }

 private:
  enum class Phase {
    kGreeting,
    kCommand,
    kAuth,
    kData,
    kChunk,
    kAwaitRecipient,
    kAwaitSubmit,
    kAwaitLogin,
    kAwaitTls,
    kClosed
  };
  enum class Cause { kOther, kJunk };

  struct Transaction {
    TransactionInfo info;
    std::vector<AcceptedRecipient> recipients;
    std::set<std::string> accepted;  // the same as text
    std::size_t rcpt_commands = 0;
    std::size_t elsewhere = 0;        // recipients to be relayed
    std::uint64_t most_together = 0;  // as in RecipientAnswer, once one has been accepted
  };

  // server_session.cc
  void greet();
  void process();
  bool process_line();
  void dispatch(std::string_view line);
  void run(const smtp::Command& command);
  bool is_other_protocol(std::string_view word) const;
  bool is_acceptable(const smtp::Command& command, std::string_view line);
  void enter(Phase phase);
  void set_client_deadline(Duration from_now);
  bool cut_early_talk(bool forbidden);  // true: octets stood behind this command, and the session is over
  void respond(const smtp::Reply& reply, const smtp::Address* recipient = nullptr);
  void send_reply(const smtp::Reply& reply);
  void cut(const smtp::Reply& reply, Cause cause = Cause::kOther);  // says it and closes
  // RFC 8689 §2: under TLS only. What comes from ourselves has left no machine.
  bool offers_require_tls() const {
    return settings_.extensions.require_tls && (client_.tls || client_.role == ListenerRole::kOurselves);
  }
  bool is_forwarder() const;  // xforward.cc
  smtp::Offered offered() const {
    return {settings_.extensions.smtputf8, settings_.extensions.dsn, client_.login != nullptr,
            offers_require_tls()};
  }
  void wait_or_run_on();  // pauses the input when too much waits
  void end_transaction();
  void close_if_shutting_down();
  smtp::Reply bad_sequence(std::string_view what) const;
  smtp::Reply no_login_in_time() const;
  void refuse_long_line(std::string_view begin);
  void refuse_line(std::string_view line, const char* name, const smtp::Reply& answer);
  bool takes_lines() const { return phase_ == Phase::kCommand || phase_ == Phase::kAuth; }

  // One for each verb.
  void do_helo(const smtp::Command& command);
  void do_mail(std::string_view argument);
  void do_rcpt(std::string_view argument);
  void do_data(std::string_view argument);
  void do_bdat(std::string_view argument);
  void do_starttls(std::string_view argument);
  void refuse_auth(const smtp::Reply& answer);
  void do_auth(std::string_view argument);
  void do_rset(std::string_view argument);
  void do_noop();
  void do_quit(std::string_view argument);
  void do_vrfy(std::string_view argument);
  void do_expn();
  void do_etrn(std::string_view argument);
  void do_help();
  void do_xforward(std::string_view argument);

  // auth.cc
  std::vector<sasl::Mechanism> mechanisms() const;  // that this client may use now
  void take_response(std::string_view line);
  void advance(const sasl::Step& step);
  void end_exchange(const smtp::Reply& answer);

  std::size_t take_data(std::string_view bytes);  // data.cc
  void end_of_data();

  // bdat.cc
  std::size_t take_chunk(std::string_view bytes);
  std::optional<smtp::Reply> refusal_of_chunk() const;
  void end_of_chunk();
  void end_of_refused_chunk();

  // content.cc
  bool in_content() const { return phase_ == Phase::kData || phase_ == Phase::kChunk; }
  std::size_t take_content(std::string_view bytes);  // gives how many octets belonged to the message
  void open_content(smtp::Framing framing);
  void start_content_deadline();
  void count_content(std::size_t octets);
  bool fast_enough() const;
  std::uint64_t max_octets_read() const;
  void on_message_data(std::string_view bytes) override;
  void refuse_data(smtp::Reply reply);
  void end_of_content();
  std::optional<smtp::Reply> spoiled_data() const;

  const SessionSettings& settings_;
  const SessionLimits& limits_;
  const bool tls_available_;
  smtp::MemoryBudget& budget_;
  SessionActions& actions_;

  Phase phase_ = Phase::kCommand;
  bool shutting_down_ = false;
  bool paused_ = false;
  bool first_octet_seen_ = false;
  ClientInfo client_;
  TlsSession tls_;
  LineBuffer input_;
  std::optional<Transaction> transaction_;
  // What was said by XFORWARD for the transaction that follows.
  struct Forward {
    ForwardedClient client;  // without an address: unknown
    bool local = false;      // nobody outside: the relay itself, or somebody on its machine
  };
  Forward forward_;
  std::string current_word_;  // of the command that is being answered, for the log
  smtp::Verb current_verb_ = smtp::Verb::kUnknown;
  Ticket ticket_ = 0;  // the last one given out
  smtp::Address asked_recipient_;
  smtp::DsnRcptParameters asked_dsn_;

  std::unique_ptr<sasl::ServerExchange> exchange_;  // while AUTH is under way
  sasl::Mechanism mechanism_ = sasl::Mechanism::kPlain;
  std::shared_ptr<const sasl::Login> login_;  // who it will be when the exchange ends well
  WallTime logged_in_{};
  std::size_t auth_failures_ = 0;
  bool auth_refused_ =
      false;  // by the last command: what comes may be the responses that a client sent behind it

  std::optional<smtp::DataDecoder> decoder_;
  std::unique_ptr<smtp::MessageBuffer> content_;
  std::optional<smtp::Reply> data_refusal_;
  std::uint64_t data_octets_ = 0;
  std::uint64_t message_octets_ = 0;
  std::size_t octets_since_deadline_ = 0;

  std::uint64_t chunk_left_ = 0;  // octets of the present chunk that are still to come
  std::uint64_t chunk_size_ = 0;
  bool chunk_last_ = false;
  std::optional<smtp::Reply> chunk_refusal_;  // the present chunk is only read over
  // A chunk was refused: those behind it, which a pipelining client has on the way, are read over too.
  bool chunks_refused_ = false;
  std::uint64_t discarded_octets_ = 0;  // of refused chunks, since the last accepted message

  SessionCounts counts_;
  std::size_t errors_ = 0;
  std::size_t junk_ = 0;
  std::size_t transactions_ = 0;
};

}  // namespace essaim::smtpd
