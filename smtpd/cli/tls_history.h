// How TLS went with the hosts of a domain, today and yesterday, on all nodes: what `destination explain` shows of the counts that
// TLS-RPT asks for. A node writes them once a minute. Included by .cc files only.
#pragma once

#include <string>
#include <vector>

#include "smtpd/cli/json_text.h"
#include "storage/tls_result_store.h"

namespace essaim::smtpd::cli {

// The newest day first.
Result<std::vector<storage::TlsResultRow>> tls_history(storage::Connection& connection,
                                                       const std::string& domain, WallTime now);
// "2026-11-28: 12 sessions good (MTA-STS)", "2026-11-28: 1 session certificate-expired (MTA-STS): mx.example.net [192.0.2.1], ..."
std::string describe(const storage::TlsResultRow& row);
Json tls_history_json(const std::vector<storage::TlsResultRow>& rows);

}  // namespace essaim::smtpd::cli
