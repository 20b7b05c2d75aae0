#include "core/http/forwarded.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/net/socket_address.h"

namespace essaim::http {

namespace {

using Trusted = std::function<bool(const std::string& ip)>;

std::string client_in(const std::string& peer_ip, const std::vector<std::string>& entries,
                      const Trusted& trusted) {
  std::string client = peer_ip;
  for (std::size_t i = entries.size(); i > 0 && trusted && trusted(client); --i) {
    const auto address = net::SocketAddress::from_ip(entries[i - 1], 0);
    if (!address.ok()) break;
    client = address->ip();
  }
  return client;
}

// "192.0.2.60:4711", "[2001:db8::17]:4711", without their ports.
std::string without_port(std::string_view node) {
  if (node.starts_with("[")) return std::string(node.substr(1, std::min(node.find(']'), node.size()) - 1));
  return std::string(node.substr(0, node.find(':')));
}

// Splits at the character where it stands in no quoted string; nothing if one does not end.
std::vector<std::string_view> split_unquoted(std::string_view text, char at) {
  std::vector<std::string_view> out;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == at && !quoted) {
      out.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (quoted) return {};
  out.push_back(text.substr(begin));
  return out;
}

}  // namespace

std::string client_behind(const std::string& peer_ip, std::string_view x_forwarded_for,
                          const Trusted& trusted) {
  std::vector<std::string> entries;
  for (const std::string_view entry : split(x_forwarded_for, ',')) entries.emplace_back(trimmed(entry));
  return client_in(peer_ip, entries, trusted);
}

std::vector<std::string> forwarded_for(std::string_view field) {
  std::vector<std::string> out;
  if (trimmed(field).empty()) return out;
  const auto elements = split_unquoted(field, ',');
  if (elements.empty()) return {""};
  for (const std::string_view element : elements) {
    std::string node;
    for (const std::string_view pair : split_unquoted(element, ';')) {
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || !equals_ignoring_case(trimmed(pair.substr(0, equals)), "for"))
        continue;
      std::string_view value = trimmed(pair.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      node = without_port(value);
    }
    out.push_back(std::move(node));
  }
  return out;
}

std::string client_behind_forwarded(const std::string& peer_ip, const std::vector<std::string_view>& fields,
                                    const Trusted& trusted) {
  std::vector<std::string> entries;
  for (const std::string_view field : fields)
    for (std::string& entry : forwarded_for(field)) entries.push_back(std::move(entry));
  return client_in(peer_ip, entries, trusted);
}

}  // namespace essaim::http
