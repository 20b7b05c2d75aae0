#include "core/dns/resolv_conf.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "core/base/read_file.h"
#include "core/base/text.h"

namespace essaim::dns {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

// An address of IPv6 may have a zone (RFC 4007 §11).
bool is_address(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string address(text.substr(0, percent));
  unsigned char octets[sizeof(in6_addr)];
  if (inet_pton(AF_INET, address.c_str(), octets) == 1) return percent == std::string_view::npos;
  return inet_pton(AF_INET6, address.c_str(), octets) == 1 &&
         (percent == std::string_view::npos || text.size() - percent <= IF_NAMESIZE);
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::vector<std::string> name_servers(std::string_view resolv_conf) {
  static constexpr std::string_view kKeyword = "nameserver";
  std::vector<std::string> out;
  for (const std::string_view line : split(resolv_conf, '\n')) {
    std::string_view rest = trimmed(line);
    if (!rest.starts_with(kKeyword) || rest.size() == kKeyword.size() || !is_space(rest[kKeyword.size()]))
      continue;
    rest = trimmed(rest.substr(kKeyword.size()));
    const std::string_view address = rest.substr(0, rest.find_first_of(" \t#;"));
    if (is_address(address)) out.emplace_back(address);
  }
  return out;
}

ResolvConf::Mark ResolvConf::look() const {
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0) return {};
  return {true,
          found.st_dev,
          found.st_ino,
          found.st_size,
          nanoseconds(found.st_mtim),
          nanoseconds(found.st_ctim)};
}

Result<std::vector<std::string>> ResolvConf::read() {
  seen_ = look();  // what is written while it is read is a change
  const auto text = read_file(path_);
  ESSAIM_TRY(text);
  return name_servers(*text);
}

bool ResolvConf::changed() const {
  const Mark now = look();
  return now.is_there && now != seen_;
}

}  // namespace essaim::dns
