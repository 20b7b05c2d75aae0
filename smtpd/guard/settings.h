// What the guard allows. A value. What the program allows is in smtpd/settings/limits_table.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "smtpd/guard/network.h"
#include "smtpd/guard/rate.h"

namespace essaim::smtpd::guard {

struct ScopeLimits {
  std::uint32_t max_connections = 0;  // at the same time; 0: no limit, here and in the rates
  RateLimit connections;
  RateLimit messages;
  RateLimit recipients;
  RateLimit errors;  // 5xx replies; beyond them no new connection is taken
  RateLimit junk;    // sessions that were no mail: other protocols, early talkers; likewise
};

// Shares of what there is, 0 to 1.
struct PressureLimits {
  double stress_at = 0.80;  // deadlines become short
  double calm_at = 0.70;    // and long again
  double full_at = 0.95;    // newcomers are told to come later
};

struct GuardSettings {
  std::uint32_t max_connections = 10'000;  // in all
  ScopeLimits client{50,
                     {300, std::chrono::minutes(1)},
                     {600, std::chrono::minutes(1)},
                     {6'000, std::chrono::minutes(1)},
                     {600, std::chrono::minutes(10)},
                     {20, std::chrono::minutes(10)}};
  ScopeLimits network{500,
                      {3'000, std::chrono::minutes(1)},
                      {6'000, std::chrono::minutes(1)},
                      {60'000, std::chrono::minutes(1)},
                      {6'000, std::chrono::minutes(10)},
                      {200, std::chrono::minutes(10)}};
  RateLimit account_recipients{0, std::chrono::hours(1)};  // of one account, from wherever
  PressureLimits pressure;
  std::uint64_t min_free_octets = 0;  // of the disk for messages; 0: whatever is left
  // Not limited, but counted: relays of one's own, monitoring.
  std::vector<Network> exempt{*parse_network("127.0.0.0/8"), *parse_network("::1")};

  // Fixed when the guard is made. One IPv6 host has at least a /64 to choose its address from.
  int ipv4_network_bits = 24;
  int ipv6_client_bits = 64;
  int ipv6_network_bits = 56;
  std::size_t max_idle_entries = 100'000;  // clients and networks without a connection that are remembered
};

}  // namespace essaim::smtpd::guard
