// Where a MariaDB database is: "mariadb://user@host1:3306,host2/essaim?tls=verify&ca=/etc/ssl/ca.pem".
//
//   user        without a password: that comes from a file, the environment or a credential, never from here
//   hosts       tried in this order, each with its port (3306); IPv6 in brackets. None with ?socket=/path
//   tls         "off", "on" (encrypted, not verified) or "verify" (certificate and name; the default for hosts
//               other than loopback is "on")
//   ca          PEM file with the authorities, for "verify"
//   timeout     seconds for a connection to be made and for a reply (10)
//
// A value; parsed strictly. kInvalid says what is wrong and where.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::storage {

struct MariadbHost {
  std::string name;
  std::uint16_t port = 3306;
};

enum class MariadbTls { kOff, kOn, kVerify };

struct MariadbUrl {
  std::string user;
  std::vector<MariadbHost> hosts;  // empty: by the socket
  std::string socket;
  std::string database;
  MariadbTls tls = MariadbTls::kOff;
  std::string ca;
  int timeout = 10;  // seconds
  // Seconds until the server gives up a transaction that has written and hears nothing of us. Not in the text.
  int idle_limit = 8;

  // "essaim on db1:3306, db2:3306": for texts.
  std::string describe() const;
};

bool is_mariadb_url(std::string_view url);
Result<MariadbUrl> parse_mariadb_url(std::string_view url);

}  // namespace essaim::storage
