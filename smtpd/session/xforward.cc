// XFORWARD (Postfix, XFORWARD_README): a relay of ours says for whom it hands on the message that follows. For
// whoever else asks there is no such command: nobody may say who he is.
//
//   "XFORWARD" 1*( SP attribute "=" value )      value = xtext (RFC 3461 §4)
//   NAME, HELO    of the client that came to the relay
//   ADDR          its address: "192.0.2.1", "IPV6:2001:db8::1"
//   SOURCE        LOCAL, REMOTE: whether it came from outside
//   PORT, PROTO, IDENT   are read over, not announced
//   "[UNAVAILABLE]", "[TEMPUNAVAIL]" instead of a value that the relay does not know; Postfix leaves such out
//
// Several commands before one MAIL add up; that MAIL takes what they said, and RSET, HELO and EHLO forget it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>

#include "core/base/text.h"
#include "core/smtp/xtext.h"
#include "smtpd/session/server_session.h"

namespace essaim::smtpd {

using smtp::reply;

namespace {

bool is_unavailable(std::string_view value) {
  return equals_ignoring_case(value, "[UNAVAILABLE]") || equals_ignoring_case(value, "[TEMPUNAVAIL]");
}

// Tolerated: "=" in a value, which is no xtext, for Postfix: it leaves that as it is, and a client's HELO may hold it.
std::string with_equals_encoded(std::string_view argument) {
  std::string out;
  bool in_value = false;
  for (const char c : argument) {
    if (c == '=' && in_value) {
      out += "+3D";
      continue;
    }
    if (c == '=' || c == ' ') in_value = c == '=';
    out += c;
  }
  return out;
}

// In the form in which addresses of connections are written; none: it is no address.
std::optional<std::string> address_in(const std::string& value) {
  static constexpr std::string_view kIpv6 = "IPV6:";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (value.size() > kIpv6.size() && equals_ignoring_case(value.substr(0, kIpv6.size()), kIpv6)) {
    in6_addr address{};
    if (inet_pton(AF_INET6, value.substr(kIpv6.size()).c_str(), &address) != 1 ||
        IN6_IS_ADDR_V4MAPPED(&address) || inet_ntop(AF_INET6, &address, text.data(), text.size()) == nullptr)
      return std::nullopt;
  } else {
    in_addr address{};
    if (inet_pton(AF_INET, value.c_str(), &address) != 1 ||
        inet_ntop(AF_INET, &address, text.data(), text.size()) == nullptr)
      return std::nullopt;
  }
  return std::string(text.data());
}

// Whatever a client of the relay called itself is no reason to refuse its mail.
std::string name_in(const std::string& value) {
  return smtp::is_helo_name(value) && !equals_ignoring_case(value, "unknown") ? value : std::string();
}

}  // namespace

bool ServerSession::is_forwarder() const {
  if (settings_.forwarders.empty()) return false;
  const auto address = parse_network(client_.ip);
  return address && std::any_of(settings_.forwarders.begin(), settings_.forwarders.end(),
                                [&](const Network& network) { return network.contains(*address); });
}

void ServerSession::do_xforward(std::string_view argument) {
  if (!is_forwarder()) return respond(reply(500, "5.5.2", "Command not recognised"));
  if (client_.helo.empty()) return respond(bad_sequence("send EHLO first"));
  if (transaction_) return respond(bad_sequence("a transaction is open already"));
  const auto wrong = [](const char* what) { return reply(501, "5.5.4", what); };
  if (argument.empty()) return respond(wrong("Syntax: XFORWARD attribute=value ..."));
  const std::string text = " " + with_equals_encoded(argument);
  std::vector<smtp::Parameter> attributes;
  if (const auto refused = smtp::split_parameters(text, &attributes)) return respond(*refused);
  Forward said = forward_;
  for (const smtp::Parameter& one : attributes) {
    const auto value = smtp::xtext_decoded(one.value);
    if (!one.has_value || !value) return respond(wrong("The value of an attribute is not xtext"));
    const bool known = !is_unavailable(*value);
    if (one.keyword == "ADDR") {
      const auto address = known ? address_in(*value) : std::string();
      if (!address) return respond(wrong("ADDR is not an address"));
      said.client.ip = *address;
    } else if (one.keyword == "NAME") {
      said.client.reverse_name = known ? name_in(*value) : std::string();
    } else if (one.keyword == "HELO") {
      said.client.helo = known ? name_in(*value) : std::string();
    } else if (one.keyword == "SOURCE") {
      said.local = equals_ignoring_case(*value, "LOCAL");
      if (known && !said.local && !equals_ignoring_case(*value, "REMOTE"))
        return respond(wrong("SOURCE is neither LOCAL nor REMOTE"));
    } else if (one.keyword != "PORT" && one.keyword != "PROTO" && one.keyword != "IDENT") {
      return respond(wrong("Unknown attribute"));
    }
  }
  forward_ = std::move(said);
  respond(reply(250, "2.0.0", "OK"));
}

}  // namespace essaim::smtpd
