// MAIL (RFC 5321 §4.1.1.2): begins a transaction.
//
// Tolerated: UTF-8 in the header of a message whose MAIL did not say SMTPUTF8, and in its body without
// BODY=8BITMIME, as every large server takes them: programs that send such mail are many, and whoever passes
// it on can see what it holds.
#include <utility>

#include "core/smtp/path.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

void ServerSession::do_mail(std::string_view argument) {
  // For one transaction, whatever becomes of it.
  Forward forward = std::exchange(forward_, {});
  if (client_.helo.empty()) return respond(bad_sequence("send HELO or EHLO first"));
  if (transaction_) return respond(bad_sequence("a transaction is open already"));
  if (transactions_ >= limits_.max_transactions) {
    return respond(reply(421, "4.7.0", "Too many messages on one connection, connect again"));
  }
  if (settings_.login.required && !client_.login) {
    return respond(
        reply(530, "5.7.0", client_.tls ? "Authentication required" : "Must issue a STARTTLS command first"));
  }
  if (client_.login && actions_.wall_now() - logged_in_ > settings_.login.max_age) {
    return respond(reply(421, "4.7.0", "You logged in long ago, connect and log in again"));
  }
  smtp::MailCommand mail;
  if (const auto refused = smtp::parse_mail_argument(argument, &mail, offered())) return respond(*refused);

  Transaction transaction;
  transaction.info.reverse_path = std::move(mail.reverse_path);
  transaction.info.body_8bit = mail.parameters.body_8bit;
  transaction.info.declared_size = mail.parameters.size;
  transaction.info.smtputf8 = mail.parameters.smtputf8;
  transaction.info.require_tls = mail.parameters.require_tls;
  transaction.info.dsn = std::move(mail.parameters.dsn);
  transaction.info.client = client_;
  if (!forward.local && !forward.client.ip.empty())
    transaction.info.client.forwarded = std::move(forward.client);
  transaction.info.post_id = actions_.new_post_id();
  transaction_ = std::move(transaction);

  std::optional<smtp::Reply> refused;
  if (transaction_->info.declared_size.value_or(0) > limits_.max_message_octets) {
    // RFC 1870 §6.1
    refused =
        reply(552, "5.3.4", "Message larger than " + std::to_string(limits_.max_message_octets) + " octets");
  } else if (auto too_many = actions_.admit_mail()) {
    refused = std::move(too_many);
  } else {
    refused = actions_.check_sender(transaction_->info);
  }
  if (refused) {
    respond(*refused);
    return end_transaction();
  }
  ++transactions_;
  chunks_refused_ = false;
  respond(reply(250, "2.1.0", "Sender OK"));
}

}  // namespace essaim::smtpd
