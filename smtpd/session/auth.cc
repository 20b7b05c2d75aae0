// AUTH (RFC 4954): one exchange of SASL, whose machine is core/sasl/server_exchange.h. Only under TLS. What goes to and fro is never
// traced, nor what may be a response to an exchange that is over or never began.
#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

std::vector<sasl::Mechanism> ServerSession::mechanisms() const {
  std::vector<sasl::Mechanism> out;
  if (!client_.tls) return out;
  for (const sasl::Mechanism one : settings_.login.mechanisms) {
    if (one == sasl::Mechanism::kScramSha256Plus && !tls_.binding.any()) continue;
    if (one == sasl::Mechanism::kExternal && tls_.certificate_emails.empty()) continue;
    out.push_back(one);
  }
  return out;
}

void ServerSession::refuse_auth(const smtp::Reply& answer) {
  auth_refused_ = true;
  respond(answer);
}

void ServerSession::do_auth(std::string_view argument) {
  if (!settings_.login.required) return refuse_auth(reply(502, "5.5.1", "AUTH is not available here"));
  if (client_.helo.empty() || !client_.esmtp) return refuse_auth(bad_sequence("send EHLO first"));
  if (client_.login) return refuse_auth(bad_sequence("you are logged in already"));
  if (transaction_) return refuse_auth(bad_sequence("no AUTH within a transaction"));
  if (!client_.tls) return refuse_auth(reply(538, "5.7.11", "Encryption required, send STARTTLS first"));
  const std::size_t space = argument.find(' ');
  const auto mechanism = sasl::parse_mechanism(argument.substr(0, space));
  const auto offered = mechanisms();
  const auto is_offered = [&](sasl::Mechanism one) {
    return std::find(offered.begin(), offered.end(), one) != offered.end();
  };
  if (!mechanism || !is_offered(*mechanism))
    return refuse_auth(reply(504, "5.5.4", "No such authentication mechanism"));
  std::optional<std::string> initial;
  if (space != std::string_view::npos) {
    const std::string_view text = trimmed(argument.substr(space));
    initial = text == "=" ? std::optional<std::string>("") : base64_decoded(text);
    if (!initial || text.empty())
      return refuse_auth(reply(501, "5.5.2", "The initial response is not base 64"));
  }
  exchange_ = sasl::make_exchange(*mechanism, tls_.binding, is_offered(sasl::Mechanism::kScramSha256Plus));
  mechanism_ = *mechanism;
  advance(exchange_->begin(initial));
}

void ServerSession::take_response(std::string_view line) {
  actions_.trace('C', "<response>");
  current_verb_ = smtp::Verb::kAuth;
  current_word_ = "AUTH";
  enter(Phase::kCommand);
  if (line == "*") return end_exchange(reply(501, "5.7.0", "Authentication cancelled"));
  const auto response = base64_decoded(line);
  if (!response) return end_exchange(reply(501, "5.5.2", "The response is not base 64"));
  advance(exchange_->respond(*response));
}

void ServerSession::advance(const sasl::Step& step) {
  switch (step.kind) {
    case sasl::Step::Kind::kChallenge:
      actions_.send("334 " + base64_encoded(step.challenge) + "\r\n");
      actions_.trace('S', "334 <challenge>");
      return enter(Phase::kAuth);
    case sasl::Step::Kind::kAsk:
      ++ticket_;
      enter(Phase::kAwaitLogin);
      return actions_.ask_login(ticket_,
                                {exchange_->question(), mechanism_, client_.ip, tls_.certificate_emails});
    case sasl::Step::Kind::kSuccess:
      client_.login = std::move(login_);
      logged_in_ = actions_.wall_now();
      auth_failures_ = 0;
      return end_exchange(reply(235, "2.7.0", "Authentication succeeded"));
    case sasl::Step::Kind::kMalformed:
      return end_exchange(reply(501, "5.5.2", "The response makes no sense for this mechanism"));
    case sasl::Step::Kind::kRefused:
      // The same words whatever was wrong: they tell nobody which accounts there are.
      return end_exchange(reply(535, "5.7.8", "Authentication credentials invalid"));
  }
}

void ServerSession::end_exchange(const smtp::Reply& answer) {
  exchange_.reset();
  login_.reset();
  auth_refused_ = !answer.positive();
  respond(answer);
  if (phase_ == Phase::kClosed) return;
  if (!answer.positive() && ++auth_failures_ >= limits_.max_auth_failures)
    return cut(reply(421, "4.7.0", "Too many failed authentications"));
  close_if_shutting_down();
}

void ServerSession::on_login_answer(Ticket ticket, LoginAnswer answer) {
  if (phase_ != Phase::kAwaitLogin || ticket != ticket_) return;
  enter(Phase::kCommand);
  if (answer.trouble) {
    end_exchange(*answer.trouble);
  } else if (exchange_->question().kind == sasl::Question::Kind::kVerifier) {
    advance(exchange_->on_verifier(*answer.verifier));
  } else {
    login_ = std::move(answer.login);
    advance(exchange_->on_verdict(login_ != nullptr));
  }
  process();
}

}  // namespace essaim::smtpd
