#include "smtpd/intake/filter_envelope.h"

#include "core/base/id.h"

namespace essaim::smtpd {

milter::Envelope filter_envelope(const IncomingMessage& message, const std::string& hostname) {
  const TransactionInfo& transaction = message.transaction;
  const ClientInfo& client = transaction.client;
  milter::Envelope out;
  if (const auto& first = client.forwarded) {
    out.client_name = first->reverse_name;
    out.client_ip = first->ip;
    out.helo = first->helo;
  } else {
    out.client_name = client.reverse_name;
    out.client_ip = client.ip;
    out.client_port = client.port;
    out.helo = client.helo;
  }
  out.reverse_path = transaction.reverse_path.empty() ? "" : transaction.reverse_path.to_string();
  out.mail_arguments = {"SIZE=" + std::to_string(message.content->size())};
  if (transaction.body_8bit) out.mail_arguments.emplace_back("BODY=8BITMIME");
  if (transaction.smtputf8) out.mail_arguments.emplace_back("SMTPUTF8");
  for (const AcceptedRecipient& recipient : message.recipients)
    out.recipients.push_back(recipient.address.domain.empty() ? recipient.address.local
                                                              : recipient.address.to_string());
  const std::string id = format_id(transaction.post_id);
  const std::string name = out.client_name.empty() ? "unknown" : out.client_name;
  out.at_connect = {{"j", hostname},
                    {"{daemon_name}", "essaim"},
                    {"v", "Essaim"},
                    {"_", name + " [" + out.client_ip + "]"},
                    {"{client_addr}", out.client_ip},
                    {"{client_name}", name},
                    {"{client_ptr}", name},
                    {"{client_port}", out.client_port == 0 ? "" : std::to_string(out.client_port)}};
  if (client.tls) out.at_helo = {{"{tls_version}", client.tls_version}, {"{cipher}", client.tls_cipher}};
  out.at_mail = {{"i", id},
                 {"{mail_addr}", out.reverse_path},
                 {"{mail_host}", transaction.reverse_path.domain},
                 {"{mail_mailer}", "essaim"}};
  if (client.login) {
    out.at_mail.emplace_back("{auth_type}", client.login->mechanism);
    out.at_mail.emplace_back("{auth_authen}", client.login->account);
  }
  out.at_end = {{"i", id}};
  return out;
}

std::shared_ptr<const mailauth::Authentication> with_moved_fields(
    const mailauth::Authentication& found, const std::vector<std::optional<std::size_t>>& places) {
  auto out = std::make_shared<mailauth::Authentication>(found);
  std::erase_if(out->dkim, [&](const mailauth::DkimResult& dkim) {
    return dkim.position >= places.size() || !places[dkim.position];
  });
  for (mailauth::DkimResult& dkim : out->dkim) dkim.position = *places[dkim.position];
  return out;
}

}  // namespace essaim::smtpd
