// What is wrong with a server's certificate file, before clients find out: is the key its own, is it in its time, is it for this host,
// does the chain lead to an authority. Blocking (reads files); for the command line.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/net/tls.h"

struct x509_st;

namespace essaim::net {

// What the certificate says of itself.
CertificateInfo describe_certificate(const std::string& file, x509_st* certificate);

struct CertificateFinding {
  bool fatal = false;  // a TLS connection cannot be made, or no client that looks accepts it
  std::string what;
};

struct CertificateReport {
  CertificateInfo info;  // as far as it could be read
  std::vector<CertificateFinding> findings;
};

// `host`: a name that it should be for; "" for any. `ca_file`: authorities; "" for none, the chain is not looked at.
CertificateReport check_certificate(const std::string& file, const std::string& host,
                                    const std::string& ca_file, WallTime now);

// Sooner than this before its end somebody should care.
inline constexpr Duration kExpiryNotice = std::chrono::hours(21 * 24);
bool is_in_time(const CertificateInfo& info, WallTime now);
// "expired on 2026-11-22", "expires on 2026-12-01, in 9 days", "is not valid before 2026-12-01" (or the clock is behind); "" while there
// is time.
std::string time_words(const CertificateInfo& info, WallTime now);

}  // namespace essaim::net
