#include "smtpd/session/session_connection.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "smtpd/session/session_log.h"

namespace essaim::smtpd {
namespace {

// A peer that sends commands and reads no replies is not listened to beyond this.
constexpr std::size_t kMaxPendingOutput = 65'536;

ClientInfo make_client(Origin origin, ListenerRole role) {
  ClientInfo client;
  client.ip = origin.client.ip();
  client.port = origin.client.port();
  client.reverse_name = std::move(origin.reverse_name);
  client.proxy = origin.proxy.to_string();
  client.check = origin.check;
  client.role = role;
  return client;
}

}  // namespace

SessionConnection::SessionConnection(net::EventLoop& loop, int fd, Origin origin,
                                     std::shared_ptr<const SessionEnvironment> environment, Finished finished,
                                     TraceSink trace)
    : loop_(loop),
      environment_(std::move(environment)),
      guard_(origin.check || environment_->role == ListenerRole::kOurselves ? nullptr : environment_->guard),
      finished_(std::move(finished)),
      trace_(std::move(trace)),
      began_(environment_->clock->mono_now()),
      alive_(std::make_shared<SessionConnection*>(this)),
      deadline_(loop, [this] { on_deadline(); }),
      connection_(net::Connection::adopt(loop, fd, origin.client, this)),
      session_(environment_->settings, environment_->tls != nullptr, *environment_->budget, *this) {
  ClientInfo client = make_client(std::move(origin), environment_->role);
  guard::Verdict verdict;
  if (guard_ != nullptr) {
    verdict = guard_->try_connect(client.ip);
    counted_ = verdict.allowed();
  }
  admitted_ = verdict.allowed();
  if (!admitted_) {
    session_.on_refused(std::move(client), *verdict.refusal);
    return;
  }
  log_connect(client);
  session_.on_connected(std::move(client));
}

SessionConnection::~SessionConnection() {
  if (!alive_) return;
  leave();
  await_no_more();
  if (admitted_) log_disconnect(session_, environment_->clock->mono_now() - began_, "cut");
}

void SessionConnection::await_no_more() {
  if (awaited_) *awaited_ = false;
}

void SessionConnection::leave() {
  if (std::exchange(counted_, false)) guard_->disconnected(session_.client().ip);
}

void SessionConnection::on_doomed() {
  if (connection_) loop_.destroy_later(std::move(connection_));
  finished_ = nullptr;
  if (alive_) finish("cut");
}

void SessionConnection::on_data(std::string_view bytes) {
  session_.receive(bytes);
  if (!alive_) return;
  if (connection_->pending_output() > kMaxPendingOutput) output_full_ = true;
  steer_reading();
}

void SessionConnection::on_drained() {
  output_full_ = false;
  steer_reading();
}

void SessionConnection::pause_input() {
  session_paused_ = true;
}
void SessionConnection::resume_input() {
  session_paused_ = false;
}

// Both the session and a full output queue may stop reading; it goes on when neither does.
void SessionConnection::steer_reading() {
  const bool reading = !session_paused_ && !output_full_;
  if (reading == reading_ || closing_) return;
  reading_ = reading;
  reading ? connection_->resume_reading() : connection_->pause_reading();
}

void SessionConnection::on_tls_established(const net::TlsInfo& info) {
  TlsSession tls{info.version, info.cipher, {info.exporter, info.unique, info.end_point}, {}};
  if (info.client.present && !info.client.trusted)
    log_incident(session_.client(), "client-certificate", info.client.subject + ": " + info.client.problem);
  if (info.client.trusted) tls.certificate_emails = info.client.emails;
  session_.on_tls_established(std::move(tls));
}

// Exim sends its last chunk, QUIT and the end of its side at once, and waits for our replies.
bool SessionConnection::on_input_ended() {
  input_ended_ = session_.waiting();
  return input_ended_;
}

void SessionConnection::after_answer() {
  steer_reading();
  if (!input_ended_ || closing_ || session_.waiting()) return;
  lost_ = true;
  close();
}

void SessionConnection::on_closed(const Error& reason, bool during_tls) {
  if (during_tls) {
    count(Counter::kTlsInFailed);
    log_incident(session_.client(), "tls-failed", reason.message);
  }
  const bool orderly = closing_ || reason.code == ErrorCode::kCancelled;
  finish(closing_ && !lost_ ? "" : orderly ? "lost" : reason.message);
}

void SessionConnection::on_deadline() {
  if (!closing_) {
    if (patience_ends_) {
      const Duration left = *patience_ends_ - environment_->clock->mono_now();
      if (left > Duration::zero() && !guard_->stressed()) {
        return deadline_.start(std::min(left, slice_));
      }
    }
    await_no_more();
    session_.on_timeout();
    if (alive_) steer_reading();
    return;
  }
  // The peer does not take our last words.
  connection_.reset();
  finish("stalled");
}

void SessionConnection::finish(std::string_view reason) {
  ESSAIM_CHECK(alive_);
  alive_.reset();
  await_no_more();
  deadline_.cancel();
  leave();
  if (admitted_) log_disconnect(session_, environment_->clock->mono_now() - began_, reason);
  const Finished finished = std::move(finished_);
  if (finished) finished(this);
}

void SessionConnection::send(std::string_view bytes) {
  connection_->write(bytes);
}

void SessionConnection::start_tls() {
  connection_->start_tls_server(environment_->tls);
}

void SessionConnection::close() {
  closing_ = true;
  deadline_.start(environment_->settings.limits.close_deadline);
  connection_->close_after_flush();
}

void SessionConnection::set_deadline(Duration from_now) {
  patience_ends_.reset();
  deadline_.start(from_now);
}

void SessionConnection::set_client_deadline(Duration from_now, Duration under_stress) {
  if (guard_ == nullptr) return set_deadline(from_now);
  patience_ends_ = environment_->clock->mono_now() + from_now;
  slice_ = under_stress;
  deadline_.start(std::min(from_now, under_stress));
}

std::optional<smtp::Reply> SessionConnection::admit_mail() {
  if (guard_ != nullptr) return guard_->on_mail(session_.client().ip).refusal;
  if (environment_->guard != nullptr) return environment_->guard->refusal_for_disk();
  return std::nullopt;
}

std::optional<smtp::Reply> SessionConnection::admit_recipient() {
  if (guard_ == nullptr) return std::nullopt;
  auto refusal = guard_->on_rcpt(session_.client().ip).refusal;
  const auto& login = session_.client().login;
  if (!refusal && login) refusal = guard_->on_rcpt_of(login->account);
  return refusal;
}

std::optional<smtp::Reply> SessionConnection::check_sender(const TransactionInfo& transaction) {
  return environment_->intake->check_sender(transaction);
}

void SessionConnection::ask_recipient(Ticket ticket, const TransactionInfo& transaction,
                                      const smtp::Address& recipient) {
  environment_->intake->check_recipient(
      transaction, recipient,
      [&loop = loop_, weak = std::weak_ptr<SessionConnection*>(alive_), ticket](RecipientAnswer answer) {
        loop.post([weak, ticket, answer = std::move(answer)] {
          const auto self = weak.lock();
          if (!self) return;
          (*self)->session_.on_recipient_answer(ticket, answer);
          (*self)->after_answer();
        });
      });
}

void SessionConnection::ask_login(Ticket ticket, LoginQuestion question) {
  ESSAIM_CHECK(environment_->authenticator != nullptr);
  environment_->authenticator->ask(
      std::move(question),
      [&loop = loop_, weak = std::weak_ptr<SessionConnection*>(alive_), ticket](LoginAnswer answer) {
        loop.post([weak, ticket, answer = std::move(answer)]() mutable {
          const auto self = weak.lock();
          if (!self) return;
          (*self)->session_.on_login_answer(ticket, std::move(answer));
          (*self)->after_answer();
        });
      });
}

void SessionConnection::submit(Ticket ticket, std::unique_ptr<IncomingMessage> message) {
  message->awaited = awaited_ = std::make_shared<Awaited>(true);
  environment_->intake->submit(
      std::move(message),
      [&loop = loop_, weak = std::weak_ptr<SessionConnection*>(alive_), ticket](smtp::Reply reply) {
        loop.post([weak, ticket, reply = std::move(reply)] {
          const auto self = weak.lock();
          if (!self) return;
          (*self)->session_.on_submit_answer(ticket, reply);
          (*self)->after_answer();
        });
      });
}

Id SessionConnection::new_post_id() {
  return environment_->ids->next();
}
WallTime SessionConnection::wall_now() {
  return environment_->clock->wall_now();
}

void SessionConnection::on_rejected(const Rejection& rejection) {
  log_reject(session_.client(), rejection);
  if (guard_ == nullptr) return;
  if (rejection.junk) {
    guard_->on_junk(session_.client().ip);
  } else if (rejection.reply->permanent()) {
    guard_->on_error(session_.client().ip);
  }
}
void SessionConnection::on_received(const Reception& reception) {
  log_received(reception);
}
void SessionConnection::on_not_taken(const smtp::Reply& answer) {
  count_not_taken(answer);
}
void SessionConnection::on_incident(std::string_view what, std::string_view detail) {
  log_incident(session_.client(), what, detail);
}

void SessionConnection::trace(char direction, std::string_view line) {
  if (trace_) trace_(direction, line);
}

}  // namespace essaim::smtpd
