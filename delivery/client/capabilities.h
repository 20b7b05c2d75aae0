// What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1). A value. Keywords are read without regard to
// case; those that we do not use are ignored.
#pragma once

#include <cstdint>
#include <string_view>

namespace essaim::delivery {

struct Capabilities {
  bool pipelining = false;       // RFC 2920
  bool eight_bit = false;        // RFC 6152
  bool starttls = false;         // RFC 3207
  bool size = false;             // RFC 1870
  std::uint64_t size_limit = 0;  // octets; 0: none announced
  bool chunking = false;         // RFC 3030
  bool dsn = false;              // RFC 3461
  bool smtputf8 = false;         // RFC 6531
  bool require_tls = false;      // RFC 8689; counts under TLS only
  // LIMITS (RFC 9422); 0: none announced.
  std::uint32_t mails_max = 0;       // MAIL commands in a session
  std::uint32_t recipients_max = 0;  // RCPT commands in a transaction
  std::uint32_t domains_max = 0;     // different recipient domains in a session
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

// `text` is the text of the reply: lines separated by '\n'; the first one is the greeting and no keyword.
Capabilities parse_capabilities(std::string_view text);

}  // namespace essaim::delivery
