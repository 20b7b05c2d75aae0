#include "smtpd/session/session_log.h"

#include <vector>

#include "core/base/counters.h"
#include "core/base/log.h"

namespace essaim::smtpd {
namespace {

std::string name_of(const ClientInfo& client) {
  return (client.reverse_name.empty() ? "unknown" : client.reverse_name) + "[" + client.ip + "]";
}

void write(log::Level level, std::string_view event, const std::vector<log::Field>& fields) {
  if (level < log::level()) return;
  log::write(level, event, fields.data(), fields.size());
}

// What a check of the load balancer does is told only when it brings mail.
log::Level level_for(const ClientInfo& client, bool mail) {
  return client.check && !mail ? log::Level::kDebug : log::Level::kInfo;
}

void add_transaction(const TransactionInfo& transaction, std::vector<log::Field>* fields) {
  fields->emplace_back("id", format_id(transaction.post_id));
  fields->emplace_back("from", "<" + transaction.reverse_path.to_string() + ">");
  if (const auto& first = transaction.client.forwarded)
    fields->emplace_back("forwarded_for", (first->reverse_name.empty() ? "unknown" : first->reverse_name) +
                                              "[" + first->ip + "]");
}

}  // namespace

void log_connect(const ClientInfo& client) {
  if (!client.check) count(Counter::kConnectionsIn);
  std::vector<log::Field> fields{{"client", name_of(client)}, {"port", static_cast<unsigned>(client.port)}};
  if (!client.proxy.empty()) fields.emplace_back("proxy", client.proxy);
  write(level_for(client, false), "connect", fields);
}

void log_disconnect(const ServerSession& session, Duration lasted, std::string_view reason) {
  std::vector<log::Field> fields{{"client", name_of(session.client())}, {"lasted", lasted}};
  if (!session.client().helo.empty()) fields.emplace_back("helo", session.client().helo);
  if (session.client().tls) fields.emplace_back("tls", session.client().tls_version);
  fields.emplace_back("messages", session.counts().messages);
  fields.emplace_back("octets", session.counts().octets);
  fields.emplace_back("did", session.counts().to_string());
  if (!reason.empty()) fields.emplace_back("reason", reason);
  write(level_for(session.client(), session.counts().of(smtp::Verb::kMail).tried > 0), "disconnect", fields);
}

void log_reject(const ClientInfo& client, const Rejection& rejection) {
  const bool mail = rejection.transaction != nullptr;
  if (mail || !client.check) count(Counter::kRejections);
  std::vector<log::Field> fields{{"command", rejection.command}, {"client", name_of(client)}};
  if (!client.proxy.empty()) fields.emplace_back("proxy", client.proxy);
  if (!client.helo.empty()) fields.emplace_back("helo", client.helo);
  if (client.login) fields.emplace_back("account", client.login->account);
  if (mail) add_transaction(*rejection.transaction, &fields);
  if (rejection.recipient != nullptr) fields.emplace_back("to", "<" + rejection.recipient->to_string() + ">");
  fields.emplace_back("reply", rejection.reply->to_string());
  write(level_for(client, mail), "reject", fields);
}

void log_received(const Reception& reception) {
  count(Counter::kMessagesIn);
  count(Counter::kOctetsIn, reception.octets);
  count(Counter::kRecipientsIn, reception.recipients);
  const ClientInfo& client = reception.transaction->client;
  std::vector<log::Field> fields;
  add_transaction(*reception.transaction, &fields);
  fields.emplace_back("client", name_of(client));
  if (!client.proxy.empty()) fields.emplace_back("proxy", client.proxy);
  fields.emplace_back("helo", client.helo);
  fields.emplace_back("recipients", static_cast<std::uint64_t>(reception.recipients));
  fields.emplace_back("size", reception.octets);
  if (client.tls) fields.emplace_back("tls", client.tls_version + " " + client.tls_cipher);
  if (client.login) fields.emplace_back("account", client.login->account);
  fields.emplace_back("reply", reception.reply->to_string());
  write(log::Level::kInfo, "received", fields);
}

void count_not_taken(const smtp::Reply& answer) {
  count(answer.permanent() ? Counter::kMessagesRefused : Counter::kMessagesDeferred);
}

void log_incident(const ClientInfo& client, std::string_view what, std::string_view detail) {
  write(log::Level::kWarning, what, {{"client", name_of(client)}, {"detail", detail}});
}

}  // namespace essaim::smtpd
