#include "core/net/port_holder.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include <netinet/in.h>

#include "core/base/read_file.h"
#include "core/base/text.h"

namespace essaim::net {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 3;

// As /proc/net/tcp and tcp6 write addresses: words of the machine, in capitals.
std::string hex_of(const void* address, std::size_t octets) {
  std::string out;
  for (std::size_t i = 0; i < octets; i += sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(address) + i, sizeof word);
    char text[9];
    std::snprintf(text, sizeof text, "%08X", word);
    out += text;
  }
  return out;
}

std::string hex_of(const SocketAddress& address) {
  if (address.is_ipv6())
    return hex_of(&reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, sizeof(in6_addr));
  return hex_of(&reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, sizeof(in_addr));
}

bool is_wildcard(std::string_view hex) {
  return hex.find_first_not_of('0') == hex.npos;
}

// The sockets that are bound to the port, by the names that descriptors have in /proc. One of IPv6 for all addresses may take
// IPv4 as well; whether it does is not told, so it is named where no other stands in the way.
std::set<std::string> sockets_of(const SocketAddress& address) {
  const std::string ours = hex_of(address);
  char port[5];
  std::snprintf(port, sizeof port, "%04X", static_cast<unsigned>(address.port()));
  std::set<std::string> same_family, other_family;
  for (const bool ipv6 : {false, true}) {
    const auto table = read_file(ipv6 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp");
    if (!table.ok()) continue;
    for (const std::string_view line : split(*table, '\n')) {
      std::istringstream words{std::string(line)};
      std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
      words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >>
          inode;
      const std::size_t colon = local.find(':');
      constexpr std::string_view kListens = "0A";
      if (inode.empty() || state != kListens || colon == local.npos || local.substr(colon + 1) != port)
        continue;
      const std::string theirs = local.substr(0, colon);
      if (ipv6 == address.is_ipv6()) {
        if (theirs == ours || is_wildcard(theirs) || is_wildcard(ours))
          same_family.insert("socket:[" + inode + "]");
      } else if (ipv6 && is_wildcard(theirs)) {
        other_family.insert("socket:[" + inode + "]");
      }
    }
  }
  return same_family.empty() ? other_family : same_family;
}

bool has_one_of(const fs::path& process, const std::set<std::string>& sockets) {
  std::error_code error;
  for (fs::directory_iterator one(process / "fd", error), end; !error && one != end; one.increment(error)) {
    std::error_code gone;
    if (sockets.contains(fs::read_symlink(one->path(), gone).string())) return true;
  }
  return false;
}

}  // namespace

std::string process_name(pid_t pid) {
  const auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
  return "process " + std::to_string(pid) +
         (name.ok() ? " (" + escaped_for_display(trimmed(*name), 40) + ")" : "");
}

std::string port_holder(const SocketAddress& address) {
  const std::set<std::string> sockets = sockets_of(address);
  if (sockets.empty()) return "";
  std::vector<pid_t> holders;
  std::error_code error;
  for (fs::directory_iterator one("/proc", error), end; !error && one != end; one.increment(error)) {
    const auto pid = parse_u64(one->path().filename().string());
    if (pid && has_one_of(one->path(), sockets)) holders.push_back(static_cast<pid_t>(*pid));
  }
  // Children have the descriptors of whom to end, who is older.
  std::sort(holders.begin(), holders.end());
  std::string out;
  for (std::size_t i = 0; i < std::min(holders.size(), kMostNamed); ++i)
    out += (i == 0 ? "" : ", ") + process_name(holders[i]);
  if (holders.size() > kMostNamed) out += ", ...";
  return out;
}

}  // namespace essaim::net
