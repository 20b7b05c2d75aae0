#include "smtpd/session/server_session.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/text.h"

namespace essaim::smtpd {

using smtp::reply;
using smtp::Verb;

namespace {

// RFC 4954 §4, with CRLF.
constexpr std::size_t kMaxAuthLine = 12'288 + 2;

bool is_auth(std::string_view line) {
  return smtp::split_command(line).verb == Verb::kAuth;
}

}  // namespace

ServerSession::ServerSession(const SessionSettings& settings, bool tls_available, smtp::MemoryBudget& budget,
                             SessionActions& actions)
    : settings_(settings),
      limits_(settings.limits),
      tls_available_(tls_available),
      budget_(budget),
      actions_(actions),
      input_(settings.login.required ? kMaxAuthLine : smtp::kMaxCommandLine) {}

void ServerSession::on_connected(ClientInfo client) {
  client_ = std::move(client);
  if (settings_.login.implicit_tls) {
    enter(Phase::kAwaitTls);
    return actions_.start_tls();
  }
  if (settings_.early_talk.greeting_pause <= Duration::zero()) return greet();
  enter(Phase::kGreeting);
}

void ServerSession::on_refused(ClientInfo client, const smtp::Reply& why) {
  client_ = std::move(client);
  current_word_ = "CONNECT";
  cut(why);
}

void ServerSession::greet() {
  enter(Phase::kCommand);
  if (shutting_down_) return close_if_shutting_down();
  send_reply(reply(220, "", settings_.hostname + " ESMTP Essaim"));
  process();
}

void ServerSession::receive(std::string_view bytes) {
  if (bytes.empty() || phase_ == Phase::kClosed) return;
  // Under way to TLS nothing in clear is listened to any more (CVE-2011-0411).
  if (phase_ == Phase::kAwaitTls) return;
  if (!first_octet_seen_) {
    first_octet_seen_ = true;
    // The record type of a TLS handshake: no SMTP command begins so, and no line end may ever come.
    if (bytes[0] == 0x16) {
      current_word_ = "TLS";
      // Of one's own people it is a program with the wrong setting, which tries again for ever: that bars nobody.
      return cut(reply(554, "5.5.1", "This is SMTP, use STARTTLS"),
                 settings_.login.required ? Cause::kOther : Cause::kJunk);
    }
    // Version 2 of the PROXY protocol begins with empty lines, as no SMTP client does.
    if (bytes.starts_with("\r\n\r\n")) {
      current_word_ = "PROXY";
      return cut(reply(554, "5.5.1", "No PROXY protocol from your address"), Cause::kJunk);
    }
  }
  if (phase_ == Phase::kGreeting && settings_.early_talk.cut_before_greeting) {
    current_word_ = "before greeting";
    return cut(reply(554, "5.5.1", "You talk before the greeting; SMTP clients wait for it (RFC 5321)"),
               Cause::kJunk);
  }
  // The body goes from the caller's buffer to its place without a copy between.
  if (in_content() && input_.size() == 0) bytes.remove_prefix(take_content(bytes));
  input_.append(bytes);
  process();
}

void ServerSession::process() {
  while ((takes_lines() && process_line()) || (in_content() && input_.size() > 0)) {
    if (in_content() && input_.size() > 0) input_.consume(take_content(input_.pending()));
  }
  wait_or_run_on();
}

void ServerSession::wait_or_run_on() {
  if (phase_ == Phase::kClosed) return input_.clear();
  input_.compact();
  const bool full = input_.size() > limits_.max_pending_octets;
  if (full == paused_) return;
  paused_ = full;
  full ? actions_.pause_input() : actions_.resume_input();
}

// False when there is no whole line, or the session has left kCommand for good.
bool ServerSession::process_line() {
  std::string_view line;
  switch (input_.next(&line)) {
    case LineBuffer::Next::kNone:
      if (input_.skipped() > limits_.max_skipped_octets) {
        cut(reply(421, "4.7.0", "Endless command line"), Cause::kJunk);
      }
      return false;
    case LineBuffer::Next::kLine:
      if (phase_ == Phase::kAuth) {
        take_response(line);
      } else if (line.size() + 2 > smtp::kMaxCommandLine && !is_auth(line)) {
        refuse_long_line(line);
      } else {
        dispatch(line);
      }
      return true;
    case LineBuffer::Next::kBareLf:
      // Read as a line, so that the client learns what is wrong, but never as a command: who takes LF for a
      // line end and who does not must not make a difference (SMTP smuggling).
      actions_.trace('C', phase_ == Phase::kAuth || auth_refused_ || is_auth(line) ? "<response>" : line);
      refuse_line(line, "bare LF", reply(500, "5.5.2", "Line must end with CRLF"));
      return true;
    case LineBuffer::Next::kTooLong:
      refuse_long_line(line);
      return true;
  }
  return false;
}

void ServerSession::refuse_long_line(std::string_view begin) {
  actions_.trace('C', "<a line that is too long>");
  refuse_line(begin, "long line", reply(500, phase_ == Phase::kAuth ? "5.5.6" : "5.5.2", "Line too long"));
}

// Of what is no command, whatever it says.
void ServerSession::refuse_line(std::string_view line, const char* name, const smtp::Reply& answer) {
  exchange_.reset();
  current_verb_ = Verb::kUnknown;
  current_word_ = name;
  enter(Phase::kCommand);
  // The client sends its chunk without waiting; where it begins is in doubt.
  if (smtp::split_command(line).verb == Verb::kBdat) return cut(answer, Cause::kJunk);
  respond(answer);
}

bool ServerSession::is_other_protocol(std::string_view word) const {
  static constexpr std::string_view kWords[] = {"GET",     "POST",    "HEAD",  "PUT",   "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

void ServerSession::dispatch(std::string_view line) {
  const smtp::Command command = smtp::split_command(line);
  const bool hidden = auth_refused_ && command.verb == Verb::kUnknown;
  if (!hidden) auth_refused_ = false;
  actions_.trace('C', command.verb == Verb::kAuth ? "AUTH <hidden>" : hidden ? "<unknown>" : line);
  current_verb_ = command.verb;
  current_word_ = hidden ? "<unknown>" : escaped_for_display(command.word, 40);
  ++counts_.of(command.verb).tried;
  enter(Phase::kCommand);
  if (is_acceptable(command, line)) run(command);
}

// Answers what is no command that could be run.
bool ServerSession::is_acceptable(const smtp::Command& command, std::string_view line) {
  if (equals_ignoring_case(command.word, "PROXY")) {
    // From whom we do not expect it, or for the second time: nobody may say who he is.
    cut(reply(554, "5.5.1", "No PROXY protocol from your address"), Cause::kJunk);
    return false;
  }
  if (is_other_protocol(command.word)) {
    // A web browser can be made to send mail by a page; its body lines are not to be read as commands.
    cut(reply(554, "5.5.1", "This is SMTP, not HTTP"), Cause::kJunk);
    return false;
  }
  switch (command.verb) {
    case Verb::kBdat:
      return true;  // judges its argument itself: octets follow in any case
    case Verb::kMail:
    case Verb::kRcpt:
      // Paths may be UTF-8 (RFC 6531); whether they may be here, the parser knows.
      if (!smtp::has_control_octets(line)) return true;
      respond(reply(501, "5.5.2", "Control character in command"));
      return false;
    case Verb::kData:
    case Verb::kQuit:
    case Verb::kStarttls:
    case Verb::kAuth:
      break;
    case Verb::kXforward:
      if (is_forwarder()) break;
      [[fallthrough]];
    default:
      if (++junk_ > limits_.max_junk_commands) {
        cut(reply(421, "4.7.0", "Too many commands without mail"), Cause::kJunk);
        return false;
      }
  }
  if (!smtp::has_forbidden_octets(line)) return true;
  // RFC 6531 §3.7.4.2
  if (command.verb == Verb::kVrfy && settings_.extensions.smtputf8 && !smtp::has_control_octets(line) &&
      is_valid_utf8(line) && ascii_lowered(line).ends_with(" smtputf8"))
    return true;
  respond(command.verb == Verb::kUnknown ? reply(500, "5.5.2", "Command not recognised")
                                         : reply(501, "5.5.2", "Control or non-ASCII character in command"));
  return false;
}

void ServerSession::run(const smtp::Command& command) {
  switch (command.verb) {
    case Verb::kHelo:
    case Verb::kEhlo:
      return do_helo(command);
    case Verb::kMail:
      return do_mail(command.argument);
    case Verb::kRcpt:
      return do_rcpt(command.argument);
    case Verb::kData:
      return do_data(command.argument);
    case Verb::kBdat:
      return do_bdat(command.argument);
    case Verb::kEtrn:
      return do_etrn(command.argument);
    case Verb::kStarttls:
      return do_starttls(command.argument);
    case Verb::kAuth:
      return do_auth(command.argument);
    case Verb::kRset:
      return do_rset(command.argument);
    case Verb::kNoop:
      return do_noop();
    case Verb::kQuit:
      return do_quit(command.argument);
    case Verb::kVrfy:
      return do_vrfy(command.argument);
    case Verb::kExpn:
      return do_expn();
    case Verb::kHelp:
      return do_help();
    case Verb::kXforward:
      return do_xforward(command.argument);
    case Verb::kUnknown:
      return respond(reply(500, "5.5.2", "Command not recognised"));
  }
}

// Every phase is entered here, with its deadline.
void ServerSession::enter(Phase phase) {
  phase_ = phase;
  switch (phase) {
    case Phase::kGreeting:
      return actions_.set_deadline(settings_.early_talk.greeting_pause);
    case Phase::kCommand:
      // Between the chunks of a message its own deadline runs on.
      return content_ ? void() : set_client_deadline(limits_.command_deadline);
    case Phase::kAuth:
      return set_client_deadline(limits_.command_deadline);
    case Phase::kData:
    case Phase::kChunk:
      return;  // start_content_deadline()
    case Phase::kAwaitRecipient:
    case Phase::kAwaitSubmit:
    case Phase::kAwaitLogin:
      return actions_.set_deadline(limits_.answer_deadline);
    case Phase::kAwaitTls:
      return actions_.set_deadline(limits_.tls_deadline);
    case Phase::kClosed:
      return actions_.close();
  }
}

void ServerSession::set_client_deadline(Duration from_now) {
  actions_.set_client_deadline(from_now, std::min(from_now, limits_.stress_deadline));
}

void ServerSession::send_reply(const smtp::Reply& answer) {
  if (settings_.login.implicit_tls && !client_.tls) return;  // nothing in clear
  const std::string wire = answer.to_wire();
  actions_.send(wire);
  for (std::size_t begin = 0; begin < wire.size();) {
    const std::size_t end = wire.find("\r\n", begin);
    actions_.trace('S', std::string_view(wire).substr(begin, end - begin));
    begin = end + 2;
  }
}

// The answer to the current command.
void ServerSession::respond(const smtp::Reply& answer, const smtp::Address* recipient) {
  send_reply(answer);
  if (answer.positive()) ++counts_.of(current_verb_).done;
  if (answer.temporary() || answer.permanent()) {
    actions_.on_rejected(
        Rejection{current_word_, transaction_ ? &transaction_->info : nullptr, recipient, &answer});
  }
  if (answer.code == 421) return enter(Phase::kClosed);
  if (answer.permanent() && ++errors_ >= limits_.max_errors) cut(reply(421, "4.7.0", "Too many errors"));
}

void ServerSession::cut(const smtp::Reply& answer, Cause cause) {
  send_reply(answer);
  actions_.on_rejected(Rejection{current_word_, transaction_ ? &transaction_->info : nullptr, nullptr,
                                 &answer, cause == Cause::kJunk});
  enter(Phase::kClosed);
}

bool ServerSession::cut_early_talk(bool forbidden) {
  if (!forbidden || input_.size() == 0) return false;
  cut(reply(554, "5.5.0", "Commands behind one whose reply must be waited for (RFC 2920)"), Cause::kJunk);
  return true;
}

void ServerSession::end_transaction() {
  const bool deadline_of_content = content_ && phase_ == Phase::kCommand;
  transaction_.reset();
  forward_ = {};
  content_.reset();
  decoder_.reset();
  data_refusal_.reset();
  data_octets_ = 0;
  if (deadline_of_content) enter(Phase::kCommand);
}

smtp::Reply ServerSession::no_login_in_time() const {
  return reply(454, "4.7.0", "Temporary authentication failure, try again");
}

smtp::Reply ServerSession::bad_sequence(std::string_view what) const {
  return reply(503, "5.5.1", "Bad sequence of commands: " + std::string(what));
}

void ServerSession::on_timeout() {
  switch (phase_) {
    case Phase::kGreeting:
      return greet();
    case Phase::kCommand:
    case Phase::kAuth:
    case Phase::kData:
    case Phase::kChunk:
      if ((content_ || in_content()) && fast_enough()) return start_content_deadline();
      current_word_ = "timeout";
      return cut(reply(421, "4.4.2", settings_.hostname + " Timeout, closing connection"));
    case Phase::kAwaitRecipient:
      return on_recipient_answer(
          ticket_, RecipientAnswer{reply(451, "4.3.0", "No decision in time, try again"), {}, 0});
    case Phase::kAwaitSubmit:
      return on_submit_answer(ticket_, reply(451, "4.3.0", "Not stored in time, try again"));
    case Phase::kAwaitLogin:
      return on_login_answer(ticket_, LoginAnswer{nullptr, std::nullopt, no_login_in_time()});
    case Phase::kAwaitTls:
      // In the midst of a handshake there is nothing that the client could read.
      return enter(Phase::kClosed);
    case Phase::kClosed:
      return;
  }
}

void ServerSession::shut_down(bool in_transaction) {
  shutting_down_ = true;
  if (in_transaction && phase_ == Phase::kCommand && transaction_) end_transaction();
  if (phase_ == Phase::kCommand && !transaction_) close_if_shutting_down();
}

void ServerSession::close_if_shutting_down() {
  if (!shutting_down_ || phase_ != Phase::kCommand || transaction_) return;
  current_word_ = "shutdown";
  cut(reply(421, "4.3.2", settings_.hostname + " Shutting down, try again later"));
}

}  // namespace essaim::smtpd
