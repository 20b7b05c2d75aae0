// How this process fares with the hosts of its database, where storage.url names several or one: for metrics, and for commands, which
// say on standard error what a server writes into its log. Counted by the engine, for all databases of the process together.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace essaim::storage {

struct HostUse {
  std::string host;              // "db1.example:3306", as in the URL
  std::int64_t connections = 0;  // now
  std::uint64_t failures = 0;    // since the start: connections that could not be made, or were lost
};
// In the order in which they became known; none on SQLite, or by a socket.
std::vector<HostUse> database_hosts();

// For the engine.
void know_database_host(const std::string& host);
void count_host_connection(const std::string& host, int change);
void count_host_failure(const std::string& host);

// That a host has failed while there are others, and that is news. It goes to the log, unless somebody else wants to tell it:
// nobody calls before threads of a database run.
using TellOfHost = std::function<void(const std::string& error)>;
void set_teller_of_hosts(TellOfHost tell);
void tell_of_host(const std::string& error);

}  // namespace essaim::storage
