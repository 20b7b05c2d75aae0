#include "smtpd/session/received.h"

#include <string_view>

namespace essaim::smtpd {
namespace {

// A name that the peer chose, as it may stand outside of a comment: nothing that ends a line, opens a comment
// or looks like another clause.
std::string harmless(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 255)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view(".-_:[]").find(c) != std::string_view::npos;
    out.push_back(good ? c : '?');
  }
  return out.empty() ? "unknown" : out;
}

std::string protocol(const ClientInfo& client, bool smtputf8) {  // RFC 3848, RFC 6531 §4.3
  if (client.login) return std::string(smtputf8 ? "UTF8SMTP" : "ESMTP") + (client.tls ? "SA" : "A");
  if (smtputf8) return client.tls ? "UTF8SMTPS" : "UTF8SMTP";
  if (!client.esmtp) return "SMTP";
  return client.tls ? "ESMTPS" : "ESMTP";
}

}  // namespace

std::string make_received_header(const IncomingMessage& message, const std::string& hostname,
                                 bool hides_submitters) {
  const ClientInfo& client = message.transaction.client;
  std::string out = "Received: ";
  if (!client.login || !hides_submitters) {
    out += "from " + harmless(client.helo) + " (" + harmless(client.reverse_name) + " [";
    if (client.ip.find(':') != std::string::npos) out += "IPv6:";
    out += client.ip + "])\r\n\t";
  }
  out += "by " + hostname + " (Essaim) with ";
  out += protocol(client, message.transaction.smtputf8);
  out += " id " + format_id(message.transaction.post_id);
  if (client.tls) out += "\r\n\t(" + harmless(client.tls_version) + " " + harmless(client.tls_cipher) + ")";
  if (message.recipients.size() == 1) out += "\r\n\tfor <" + message.recipients[0].address.to_string() + ">";
  out += ";\r\n\t" + format_rfc5322(message.received) + "\r\n";
  return out;
}

}  // namespace essaim::smtpd
